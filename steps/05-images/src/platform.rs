//! Platforms: what an image was made for, and what this machine can run.

use std::fmt;
use std::str::FromStr;

use kit::{Error, Result};

/// `linux/arm/v7`: operating system, architecture, variant, in the names of the Go language.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, `arm`, `riscv64` …
    pub architecture: String,
    /// `v5` to `v9`, of arm alone; `None` where there is one only.
    pub variant: Option<String>,
}

/// A platform as documents write it: the specification's words, of which we look at these.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Text {
    pub(crate) os: String,
    pub(crate) architecture: String,
    pub(crate) variant: String,
}

impl Platform {
    /// What this machine is.
    pub fn host() -> Self {
        let (architecture, variant) = normal(std::env::consts::ARCH, None);
        Self {
            os: "linux".to_owned(),
            architecture,
            variant,
        }
    }

    /// What a document says; nothing, if it leaves all words out. An operating system that is not named is ours.
    pub(crate) fn told(text: &Text) -> Option<Self> {
        if text.os.is_empty() && text.architecture.is_empty() {
            return None;
        }
        let host = Self::host();
        let or_ours = |word: &str, ours: String| match word {
            "" => ours,
            word => word.to_owned(),
        };
        let (os, architecture) = (
            or_ours(&text.os, host.os),
            or_ours(&text.architecture, host.architecture),
        );
        Some(Self::new(&os, &architecture, Some(&text.variant)))
    }

    /// From the three words, in whatever form people write them.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let variant = variant.filter(|variant| !variant.is_empty());
        let (architecture, variant) = normal(architecture, variant);
        Self {
            os: os.to_lowercase(),
            architecture,
            variant,
        }
    }

    /// Whether what was made for `other` runs here, and how good a choice it is: 0 is the best. A processor runs what
    /// was made for its predecessors.
    pub fn accepts(&self, other: &Self) -> Option<u32> {
        if (&self.os, &self.architecture) != (&other.os, &other.architecture) {
            return None;
        }
        if self.variant == other.variant {
            return Some(0);
        }
        self.level()?.checked_sub(other.level()?)
    }

    /// Variants in their order.
    fn level(&self) -> Option<u32> {
        match (self.architecture.as_str(), self.variant.as_deref()) {
            ("arm64", None) => Some(8),
            ("arm", None) => Some(7),
            ("amd64", None) => Some(1),
            (_, Some(variant)) => variant.strip_prefix('v')?.parse().ok(),
            _ => None,
        }
    }
}

/// What one word alone may be, by Go's names: an operating system ...
const SYSTEMS: [&str; 15] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
];

/// ... or an architecture.
const ARCHITECTURES: [&str; 14] = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64",
    "ppc64le", "riscv64", "s390x", "wasm",
];

/// Other names of the same, as containerd reads them.
fn normal(architecture: &str, variant: Option<&str>) -> (String, Option<String>) {
    let architecture = architecture.to_lowercase();
    let variant = variant.map(str::to_lowercase);
    let (architecture, variant) = match (architecture.as_str(), variant.as_deref()) {
        ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant.filter(|v| *v != "v1")),
        ("i386" | "i686" | "x86", _) => ("386", None),
        ("aarch64" | "arm64", Some("8" | "v8") | None) => ("arm64", None),
        ("armhf", None) | ("arm", Some("7") | None) => ("arm", Some("v7")),
        ("armel", None) | ("arm", Some("6")) => ("arm", Some("v6")),
        ("arm", Some("5")) => ("arm", Some("v5")),
        ("arm", Some("8")) => ("arm", Some("v8")),
        ("powerpc64le", None) => ("ppc64le", None),
        (architecture, variant) => (architecture, variant),
    };
    (architecture.to_owned(), variant.map(str::to_owned))
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// `OS/ARCH[/VARIANT]`, or one of the first two.
impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let is_word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        let words: Vec<&str> = text.split('/').collect();
        let refuse = |why| {
            Err(Error::new(format!("{text:?} is not a platform: {why}"))
                .hint("the form is OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, as in linux/arm64"))
        };
        if !words.iter().all(|word| is_word(word)) {
            return refuse("a word is empty, or has a strange character");
        }
        let host = Self::host();
        match words[..] {
            [os] if SYSTEMS.contains(&os.to_lowercase().as_str()) => Ok(Self {
                os: os.to_lowercase(),
                ..host
            }),
            [architecture] => {
                let platform = Self::new(&host.os, architecture, None);
                match ARCHITECTURES.contains(&platform.architecture.as_str()) {
                    true => Ok(platform),
                    false => refuse("unknown operating system or architecture"),
                }
            }
            [os, architecture] => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Self::new(os, architecture, Some(variant))),
            _ => refuse("it has too many words"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_platform_has_one_name() {
        for (text, name) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("Linux/AMD64/v1", "linux/amd64"),
            ("aarch64", "linux/arm64"),
            ("windows", "windows/amd64"),
            ("s390x", "linux/s390x"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/i386", "linux/386"),
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), name);
        }
        for wrong in ["", "foo", "arm46", "/", "linux/", "a/b/c/d", "linux/amd 64"] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_processor_runs_what_was_made_for_its_predecessors() {
        let rank = |host: &str, image: &str| {
            let (host, image): (Platform, Platform) =
                (host.parse().unwrap(), image.parse().unwrap());
            host.accepts(&image)
        };
        assert_eq!(rank("linux/arm/v7", "linux/arm/v7"), Some(0));
        assert_eq!(rank("linux/arm/v7", "linux/arm/v6"), Some(1));
        assert_eq!(rank("linux/arm/v7", "linux/arm/v5"), Some(2));
        assert_eq!(rank("linux/arm/v6", "linux/arm/v7"), None);
        assert_eq!(rank("linux/amd64", "linux/amd64/v3"), None);
        assert_eq!(rank("linux/amd64/v3", "linux/amd64"), Some(2));
        assert_eq!(rank("linux/amd64", "linux/arm64"), None);
        assert_eq!(rank("linux/amd64", "windows/amd64"), None);
    }
}
