//! Who the command is: what `USER` and `-u` say, looked up as Docker looks it up. Text in, numbers out.

use kit::{Error, Result};

/// A user, by numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The groups beside it.
    pub groups: Vec<u32>,
    /// Where the user is at home.
    pub home: String,
}

/// The kernel has more, but nobody else can write them (user ids are signed in C libraries of old).
const MOST: u32 = i32::MAX as u32;

/// One line of passwd(5).
struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

/// One line of group(5).
struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl Account {
    /// What `spec` means: `USER[:GROUP]`, each a name or a number, or nothing for root. `passwd` and `group` are the
    /// texts of the container's own files, or nothing if it has none.
    ///
    /// A number is always an id, also where somebody is called so. A user who is looked up brings the groups that list
    /// him, unless a group is given.
    ///
    /// # Errors
    /// A name that the files do not have, a number that is no id.
    pub fn find(spec: &str, passwd: &str, group: &str) -> Result<Self> {
        let (user, wanted_group) = spec.split_once(':').unwrap_or((spec, ""));
        let number = number(match user {
            "" => "0",
            user => user,
        })?;
        let found = passwd
            .lines()
            .filter_map(User::parse)
            .find(|line| match number {
                Some(uid) => line.uid == uid,
                None => line.name == user,
            });
        let mut account = match (&found, number) {
            (Some(found), _) => Self {
                uid: found.uid,
                gid: found.gid,
                groups: Vec::new(),
                home: match found.home {
                    "" => "/".to_owned(),
                    home => home.to_owned(),
                },
            },
            (None, Some(uid)) => Self {
                uid,
                gid: 0,
                groups: Vec::new(),
                home: "/".to_owned(),
            },
            (None, None) => return Err(missing("user", user, "passwd")),
        };
        let mut groups = group.lines().filter_map(Group::parse);
        match (wanted_group, &found) {
            ("", None) => {}
            ("", Some(found)) => {
                let own = groups.filter(|group| group.members.split(',').any(|m| m == found.name));
                account.groups = own.map(|group| group.gid).collect();
            }
            (name, _) => account.gid = group_id(name, groups.by_ref())?,
        }
        Ok(account)
    }
}

fn group_id<'a>(name: &str, mut groups: impl Iterator<Item = Group<'a>>) -> Result<u32> {
    match number(name)? {
        Some(gid) => Ok(gid),
        None => groups
            .find(|group| group.name == name)
            .map(|group| group.gid)
            .ok_or_else(|| missing("group", name, "group")),
    }
}

fn missing(what: &str, name: &str, file: &str) -> Error {
    Error::new(format!(
        "unable to find {what} {name}: no matching entries in {file} file"
    ))
    .hint(format!(
        "it is looked up in the container's own /etc/{file}; a number needs no entry there, as in 1000:1000"
    ))
}

/// The id that a text is, if it is one.
fn number(text: &str) -> Result<Option<u32>> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse() {
        Ok(id) if id <= MOST => Ok(Some(id)),
        _ => Err(
            Error::new(format!("uids and gids must be in range 0-{MOST}"))
                .hint(format!("{text} is not")),
        ),
    }
}

impl<'a> User<'a> {
    /// Docker takes what is no number for 0. A line that says no user makes nobody root here.
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.trim().split(':');
        Some(Self {
            name: fields.next().filter(|name| !name.is_empty())?,
            uid: fields.nth(1)?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
            home: fields.nth(1).unwrap_or_default(),
        })
    }
}

impl<'a> Group<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.trim().split(':');
        Some(Self {
            name: fields.next().filter(|name| !name.is_empty())?,
            gid: fields.nth(1)?.parse().ok()?,
            members: fields.next().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\n# none\nbroken\nbad:x:zero:0::/:\n\
                          app:x:1000:50:App:/home/app:/bin/sh\n77:x:5:6::/seven:\nagain:x:1000:1::/x:\n";
    const GROUP: &str =
        "root:x:0:root\nstaff:x:50:\nwheel:x:10:root,app\naudio:x:29:app\nbroken\n77:x:8:\n";

    #[test]
    fn names_and_numbers_are_looked_up_as_docker_does() {
        for (spec, uid, gid, groups, home) in [
            ("", 0, 0, &[0, 10][..], "/root"),
            ("0", 0, 0, &[0, 10], "/root"),
            (":staff", 0, 50, &[], "/root"),
            ("app", 1000, 50, &[10, 29], "/home/app"),
            ("1000", 1000, 50, &[10, 29], "/home/app"),
            ("app:", 1000, 50, &[10, 29], "/home/app"),
            ("app:wheel", 1000, 10, &[], "/home/app"),
            ("app:4", 1000, 4, &[], "/home/app"),
            ("2000", 2000, 0, &[], "/"),
            ("2000:audio", 2000, 29, &[], "/"),
            // A number is an id, whoever is called so.
            ("77", 77, 0, &[], "/"),
            ("app:77", 1000, 77, &[], "/home/app"),
        ] {
            let expected = Account {
                uid,
                gid,
                groups: groups.to_vec(),
                home: home.to_owned(),
            };
            assert_eq!(
                Account::find(spec, PASSWD, GROUP).unwrap(),
                expected,
                "{spec}"
            );
        }
    }

    #[test]
    fn who_is_not_there_is_named() {
        for (spec, sentence) in [
            (
                "none",
                "unable to find user none: no matching entries in passwd file",
            ),
            (
                "bad",
                "unable to find user bad: no matching entries in passwd file",
            ),
            (
                "broken",
                "unable to find user broken: no matching entries in passwd file",
            ),
            (
                "app:none",
                "unable to find group none: no matching entries in group file",
            ),
            ("-1", "uids and gids must be in range 0-2147483647"),
            (
                "1:2147483648",
                "uids and gids must be in range 0-2147483647",
            ),
            ("99999999999", "uids and gids must be in range 0-2147483647"),
        ] {
            let error = Account::find(spec, PASSWD, GROUP).unwrap_err();
            assert_eq!(error.to_string(), sentence);
            assert!(error.hint_text().is_some());
        }
    }

    #[test]
    fn without_files_there_are_numbers() {
        assert_eq!(Account::find("5:6", "", "").unwrap().gid, 6);
        assert_eq!(Account::find("", "", "").unwrap().home, "/");
        assert!(Account::find("root", "", "").is_err());
    }
}
