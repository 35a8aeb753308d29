//! What is attacked: the one list of the matrix's columns.

use anyhow::{Result, bail};
use attacks::{Bind, Image, PASSWORD};

/// A way to run a command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject {
    /// Its name in the matrix; of a step's binary, the step's.
    pub name: &'static str,
    /// The package whose program it is; none for the bare host.
    pub package: Option<&'static str>,
    /// The words before the command. `{root}` is the root file system, `{bind}` a bind mount, where one is asked for.
    words: &'static [&'static str],
    /// A line of shell that makes ready what it runs on, once the root file system is there.
    pub prepare: &'static str,
    /// What unpacks an archive that it is given on its standard input, `{root}` being where; of those that cannot, what
    /// their user would write in an evening.
    unpack: &'static [&'static str],
    /// What fetches `{image}`, likewise.
    fetch: &'static [&'static str],
    /// The beginning of the name of a cgroup into which it puts the command when that runs already.
    pub late_cgroup: Option<&'static str>,
}

/// In the order of the columns. A later step adds its two lines here, and nothing anywhere else.
pub(crate) const SUBJECTS: [Subject; 9] = [
    Subject::new("nothing", None, &[]),
    Subject::new(
        "namespaces-naive",
        Some("namespaces"),
        &["namespaces-naive"],
    ),
    Subject::new(
        "namespaces",
        Some("namespaces"),
        &["namespaces", "run", "--"],
    ),
    Subject::new("rootfs-naive", Some("rootfs"), &["rootfs-naive", "{root}"]),
    Subject::new(
        "rootfs",
        Some("rootfs"),
        &["rootfs", "run", "--rootfs", "{root}", "{bind}", "--"],
    ),
    Subject::new("cgroups-naive", Some("cgroups"), &["cgroups-naive", "64"]).moving_to("naive-"),
    Subject::new(
        "cgroups",
        Some("cgroups"),
        &[
            "cgroups",
            "run",
            "--memory",
            "32m",
            "--pids-limit",
            "64",
            "--rootfs",
            "{root}",
            "{bind}",
            "--",
        ],
    ),
    Subject::new(
        "layers",
        Some("layers"),
        &[
            "layers",
            "run",
            "--memory",
            "32m",
            "--pids-limit",
            "64",
            "--layer",
            "{root}",
            "--bind",
            STARTING,
            "{bind}",
            "--",
        ],
    )
    .unpacking(&["layers", "unpack", "/srv/layer"]),
    Subject::new(
        "images",
        Some("images"),
        &[
            "images",
            "run",
            "--memory",
            "32m",
            "--pids-limit",
            "64",
            "--bind",
            STARTING,
            "{bind}",
            "--",
            "attacked",
        ],
    )
    .on("tar -c -f - -C {root} . | /srv/bin/images import - attacked")
    .unpacking(&["images", "import", "-"])
    .fetching(&["images", "pull", "{image}"]),
];

/// What is made on the host in a layer that is mounted already may not be seen (overlayfs, "Changes to underlying
/// filesystems"), but in a bind it is.
const STARTING: &str = "/srv/start:/srv/start:ro";

impl Subject {
    const fn new(
        name: &'static str,
        package: Option<&'static str>,
        words: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            package,
            words,
            prepare: "",
            unpack: &["layers-naive", "{root}"],
            fetch: &["images-naive", "{image}", "{root}", PASSWORD],
            late_cgroup: None,
        }
    }

    const fn on(self, prepare: &'static str) -> Self {
        Self { prepare, ..self }
    }

    const fn unpacking(self, unpack: &'static [&'static str]) -> Self {
        Self { unpack, ..self }
    }

    const fn fetching(self, fetch: &'static [&'static str]) -> Self {
        Self { fetch, ..self }
    }

    const fn moving_to(self, prefix: &'static str) -> Self {
        Self {
            late_cgroup: Some(prefix),
            ..self
        }
    }

    /// The program's file, which is a step's binary or an example.
    pub(crate) fn program(&self) -> Option<&'static str> {
        self.words.first().copied()
    }

    /// All programs that it takes.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &'static str> {
        let fetching = [self.unpack[0], self.fetch[0]];
        self.program().into_iter().chain(fetching)
    }

    /// The words that fetch an image for it.
    pub(crate) fn fetch(&self, root: &str, image: &Image) -> Vec<String> {
        let (words, name) = match image {
            Image::Archive(_) => (self.unpack, ""),
            Image::Registry(name) => (self.fetch, name.as_str()),
        };
        let replaced = |word: &&str| word.replace("{root}", root).replace("{image}", name);
        words.iter().map(replaced).collect()
    }

    /// Whether it mounts what it is asked to; else its user has to, with mount(8).
    pub(crate) fn binds(&self) -> bool {
        self.words.contains(&"{bind}")
    }

    /// The words that start `command` this way.
    pub(crate) fn start(
        &self,
        root: &str,
        bind: Option<&Bind>,
        command: Vec<String>,
    ) -> Vec<String> {
        let mut words = Vec::new();
        for word in self.words {
            match (*word, bind) {
                ("{root}", _) => words.push(root.to_owned()),
                ("{bind}", None) => {}
                ("{bind}", Some(bind)) => {
                    let (source, target) = (bind.source.display(), bind.target.display());
                    words.extend(["--bind".to_owned(), format!("{source}:{target}")]);
                }
                (word, _) => words.push(word.to_owned()),
            }
        }
        words.extend(command);
        words
    }
}

/// The subject of that name.
pub(crate) fn find(name: &str) -> Result<Subject> {
    let found = SUBJECTS.into_iter().find(|subject| subject.name == name);
    match found {
        Some(subject) => Ok(subject),
        None => {
            let names = SUBJECTS.map(|subject| subject.name).join(", ");
            bail!("there is no subject called {name}; there are {names}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_started_with_the_root_and_the_bind_in_their_places() {
        let bind = Bind {
            source: "/a".into(),
            target: "/b".into(),
        };
        let start = |bind| {
            find("rootfs")
                .unwrap()
                .start("/r", bind, vec!["x".into()])
                .join(" ")
        };
        assert_eq!(start(None), "rootfs run --rootfs /r -- x");
        assert_eq!(
            start(Some(&bind)),
            "rootfs run --rootfs /r --bind /a:/b -- x"
        );
        assert!(find("nothing").unwrap().start("/r", None, vec!["x".into()]) == ["x"]);
    }

    #[test]
    fn an_image_is_fetched_by_the_last_step_that_can_or_else_naively() {
        let fetch =
            |subject: &str, image: &Image| find(subject).unwrap().fetch("/r", image).join(" ");
        let (archive, image) = (Image::Archive(Vec::new()), Image::Registry("h/app".into()));
        assert_eq!(fetch("rootfs", &archive), "layers-naive /r");
        assert_eq!(fetch("layers", &archive), "layers unpack /srv/layer");
        assert_eq!(
            fetch("layers", &image),
            "images-naive h/app /r reader:secret"
        );
        assert_eq!(fetch("images", &image), "images pull h/app");
    }

    #[test]
    fn an_unknown_subject_is_answered_by_those_there_are() {
        let error = find("docker").unwrap_err().to_string();
        assert!(
            error.contains("docker") && error.contains("rootfs-naive"),
            "{error}"
        );
    }
}
