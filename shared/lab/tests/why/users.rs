//! The maps of a user namespace, and ids.

use std::fs;

use harness::Need;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, setgroups, setresuid};

use crate::{FIXTURE, Fixture, NOBODY};

const USER: &[Need] = &[Need::Root, Need::UserNamespaces];

pub(crate) const FIXTURES: &[Fixture] = &[
    Fixture {
        name: "a_map_is_written_once",
        needs: USER,
        call: "write",
        errno: "EPERM",
        rules: &["map-already-written"],
        induce: || {
            new_user_namespace();
            write("uid_map", "0 0 1").unwrap();
            write("uid_map", "0 0 1").unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "gid_map_wants_setgroups_denied",
        needs: USER,
        call: "write",
        errno: "EPERM",
        rules: &["setgroups-not-denied"],
        user: Some(NOBODY),
        induce: || {
            new_user_namespace();
            write("gid_map", "0 65534 1").unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "an_ordinary_user_maps_only_himself",
        needs: USER,
        call: "write",
        errno: "EPERM",
        rules: &["map-of-more-than-oneself"],
        user: Some(NOBODY),
        induce: || {
            new_user_namespace();
            write("uid_map", "0 65534 10").unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "setgroups_once_denied_stays_so",
        needs: USER,
        call: "setgroups",
        errno: "EPERM",
        rules: &["setgroups-denied"],
        user: Some(NOBODY),
        induce: || {
            new_user_namespace();
            write("setgroups", "deny").unwrap();
            write("gid_map", "0 65534 1").unwrap();
            setgroups(&[]).unwrap_err()
        },
        ..FIXTURE
    },
    Fixture {
        name: "no_rule_knows_setgroups_of_an_ordinary_user",
        call: "setgroups",
        errno: "EPERM",
        user: Some(NOBODY),
        induce: || setgroups(&[Gid::from_raw(1)]).unwrap_err(),
        ..FIXTURE
    },
    Fixture {
        name: "an_id_without_a_mapping_cannot_be_taken",
        needs: USER,
        call: "setresuid",
        errno: "EINVAL",
        rules: &["id-not-mapped"],
        induce: || {
            new_user_namespace();
            write("uid_map", "0 0 1").unwrap();
            let id = Uid::from_raw(1000);
            setresuid(id, id, id).unwrap_err()
        },
        ..FIXTURE
    },
];

fn new_user_namespace() {
    unshare(CloneFlags::CLONE_NEWUSER).unwrap();
}

fn write(file: &str, text: &str) -> Result<(), Errno> {
    fs::write(format!("/proc/self/{file}"), text)
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))
}
