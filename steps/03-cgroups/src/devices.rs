//! Which device nodes a container may make, read and write: the policy, the same for v1's files and v2's program.

use std::fmt;

/// One rule, as `--device-cgroup-rule` and the OCI runtime specification have it: `c 1:3 rwm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whether it opens or shuts.
    pub allow: bool,
    /// Character or block devices, or both.
    pub kind: Kind,
    /// `None` is every number.
    pub major: Option<u32>,
    /// `None` is every number.
    pub minor: Option<u32>,
    /// For what.
    pub access: Access,
}

/// The kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `a`
    All,
    /// `b`
    Block,
    /// `c`
    Character,
}

/// A set of `r`, `w` and `m`, in the kernel's own bits (`BPF_DEVCG_ACC_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(pub u8);

impl Access {
    /// Making a node (mknod(2)).
    pub const MAKE: Self = Self(1);
    /// Opening for reading.
    pub const READ: Self = Self(2);
    /// Opening for writing.
    pub const WRITE: Self = Self(4);
    /// All three.
    pub const ALL: Self = Self(7);
}

/// One answer for all devices, and the exceptions from it. This is how v1 keeps it in the kernel, and what a list of
/// rules, in which the last that matches wins, comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The answer for what is no exception.
    pub allows_by_default: bool,
    /// Allowed if the default denies, and the other way round. No two are of the same devices.
    pub exceptions: Vec<Rule>,
}

impl Policy {
    /// What `rules` come to, beginning with nothing allowed. A rule for all devices and all access makes a new
    /// beginning; the others add to an exception or take from it (kernel: security/device_cgroup.c).
    pub fn new(rules: &[Rule]) -> Self {
        let mut policy = Self::default();
        for rule in rules {
            match rule.kind {
                Kind::All if rule.is_everything() => {
                    policy = Self {
                        allows_by_default: rule.allow,
                        exceptions: Vec::new(),
                    };
                }
                Kind::All => {
                    for kind in [Kind::Block, Kind::Character] {
                        policy.apply(Rule { kind, ..*rule });
                    }
                }
                _ => policy.apply(*rule),
            }
        }
        policy
    }

    fn apply(&mut self, rule: Rule) {
        let same = |other: &Rule| {
            (other.kind, other.major, other.minor) == (rule.kind, rule.major, rule.minor)
        };
        let found = self.exceptions.iter().position(same);
        match (rule.allow != self.allows_by_default, found) {
            (true, Some(at)) => self.exceptions[at].access.0 |= rule.access.0,
            (true, None) => self.exceptions.push(rule),
            (false, Some(at)) => {
                self.exceptions[at].access.0 &= !rule.access.0;
                if self.exceptions[at].access.0 == 0 {
                    self.exceptions.remove(at);
                }
            }
            (false, None) => {}
        }
    }
}

impl Rule {
    fn is_everything(&self) -> bool {
        self.major.is_none() && self.minor.is_none() && self.access == Access::ALL
    }
}

/// What the OCI runtime specification gives every container ("Default Devices"), and Docker with it: every node may be
/// made, which gives nothing as long as it cannot be opened, and the harmless ones may be opened.
pub fn defaults() -> Vec<Rule> {
    let rule = |kind, major, minor, access| Rule {
        allow: true,
        kind,
        major,
        minor,
        access,
    };
    let open = |major, minor| rule(Kind::Character, Some(major), minor, Access::ALL);
    vec![
        rule(Kind::Character, None, None, Access::MAKE),
        rule(Kind::Block, None, None, Access::MAKE),
        open(1, Some(3)), // null
        open(1, Some(5)), // zero
        open(1, Some(7)), // full
        open(1, Some(8)), // random
        open(1, Some(9)), // urandom
        open(5, Some(0)), // tty
        open(5, Some(1)), // console
        open(5, Some(2)), // ptmx
        open(136, None),  // pts/*
    ]
}

/// A rule of the command line, `c 10:229 rwm`: kind, major and minor number or `*`, access. It allows.
impl std::str::FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            format!(
                "invalid device cgroup format '{text}': give kind, numbers and access, as in 'c 10:229 rwm'"
            )
        };
        let fields: Vec<&str> = text.split(' ').collect();
        let [kind, numbers, access] = fields[..] else {
            return Err(wrong());
        };
        let (major, minor) = numbers.split_once(':').ok_or_else(wrong)?;
        let number = |text: &str| match text {
            "*" => Ok(None),
            text if text.starts_with('+') => Err(wrong()),
            text => text.parse().map(Some).map_err(|_| wrong()),
        };
        Ok(Self {
            allow: true,
            kind: match kind {
                "a" => Kind::All,
                "b" => Kind::Block,
                "c" => Kind::Character,
                _ => return Err(wrong()),
            },
            major: number(major)?,
            minor: number(minor)?,
            access: access.parse().map_err(|()| wrong())?,
        })
    }
}

/// One to three of the letters.
impl std::str::FromStr for Access {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bits = text.chars().try_fold(0, |bits, letter| match letter {
            'm' => Ok(bits | Self::MAKE.0),
            'r' => Ok(bits | Self::READ.0),
            'w' => Ok(bits | Self::WRITE.0),
            _ => Err(()),
        })?;
        if bits == 0 || text.len() > 3 {
            return Err(());
        }
        Ok(Self(bits))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::All => 'a',
            Kind::Block => 'b',
            Kind::Character => 'c',
        };
        let number = |n: Option<u32>| n.map_or_else(|| "*".to_owned(), |n| n.to_string());
        write!(f, "{kind} {}:{} ", number(self.major), number(self.minor))?;
        for (bit, letter) in [
            (Access::READ, 'r'),
            (Access::WRITE, 'w'),
            (Access::MAKE, 'm'),
        ] {
            if self.access.0 & bit.0 != 0 {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rules: &[&str]) -> (bool, Vec<String>) {
        let rules: Vec<Rule> = rules
            .iter()
            .map(|text| {
                let (allow, rule) = text.split_at(1);
                Rule {
                    allow: allow == "+",
                    ..rule.parse().unwrap()
                }
            })
            .collect();
        let policy = Policy::new(&rules);
        let exceptions = policy.exceptions.iter().map(ToString::to_string).collect();
        (policy.allows_by_default, exceptions)
    }

    #[test]
    fn rules_are_dockers() {
        for (text, shown) in [
            ("c 10:229 rwm", Some("c 10:229 rwm")),
            ("b 8:* mr", Some("b 8:* rm")),
            ("a *:* rwm", Some("a *:* rwm")),
            ("c 10:229", None),
            ("c 10 rwm", None),
            ("x 1:1 r", None),
            ("c 1:1 x", None),
            ("c 1:1 ", None),
            ("c 1:1 rrrr", None),
            ("c -1:1 r", None),
            ("c +1:1 r", None),
            ("c  1:1 r", None),
        ] {
            let parsed = text.parse::<Rule>().ok().map(|rule| rule.to_string());
            assert_eq!(parsed.as_deref(), shown, "{text:?}");
        }
    }

    #[test]
    fn the_last_rule_wins() {
        for (rules, default, exceptions) in [
            (&[][..], false, &[][..]),
            (&["+c 1:3 r", "+c 1:3 w"], false, &["c 1:3 rw"]),
            (&["+c 1:3 rwm", "-c 1:3 w"], false, &["c 1:3 rm"]),
            (&["+c 1:3 r", "-c 1:3 rw"], false, &[]),
            (&["+c 1:3 r", "-a *:* rwm"], false, &[]),
            (&["+a *:* rwm", "-c 1:3 w"], true, &["c 1:3 w"]),
            (&["+a *:* rwm", "-c 1:3 w", "+c 1:3 w"], true, &[]),
            (&["+a 1:3 r"], false, &["b 1:3 r", "c 1:3 r"]),
            (&["+a *:* m"], false, &["b *:* m", "c *:* m"]),
        ] {
            let (is_default, found) = policy(rules);
            assert_eq!(
                (is_default, &found[..]),
                (
                    default,
                    exceptions
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .as_slice()
                ),
                "{rules:?}"
            );
        }
    }
}
