//! Plans, as tables: no root, no kernel.

use std::ffi::OsStr;

use super::*;
use crate::bind::{Bind, Tmpfs};
use crate::source::FoundRoot;
use crate::table::Table;

const ROOT: Surroundings = Surroundings {
    user: false,
    pid: true,
    network: true,
    ipc: true,
};

fn options(binds: &[&str], tmpfs: &[&str]) -> Options {
    try_options(binds, tmpfs).unwrap()
}

fn try_options(binds: &[&str], tmpfs: &[&str]) -> Result<Options> {
    let mut options = Options::new("/srv/image");
    // Those of the machine that the test runs on.
    options
        .masked
        .retain(|path| !path.ends_with("thermal_throttle"));
    let binds = binds
        .iter()
        .map(|text| Mount::from(Bind::parse(OsStr::new(text)).unwrap()));
    let tmpfs = tmpfs
        .iter()
        .map(|text| Mount::from(Tmpfs::parse(OsStr::new(text)).unwrap()));
    options.add(binds.chain(tmpfs))?;
    Ok(options)
}

/// The plan, every source whose name ends in a slash being a directory.
fn planned(options: &Options, surroundings: Surroundings) -> Result<MountPlan> {
    let sources: Vec<Pinned> = options
        .mounts
        .iter()
        .filter_map(|mount| match &mount.source {
            Source::Bind { path, .. } => path.to_str(),
            _ => None,
        })
        .map(|source| Pinned::imagined(source, source.ends_with('/')))
        .collect();
    plan(options, &sources, surroundings)
}

fn table(options: &Options, surroundings: Surroundings) -> Table {
    let root = Pinned::imagined("/srv/image", true);
    let root = FoundRoot::Directory(root);
    Table::new(&root, &planned(options, surroundings).unwrap())
}

fn refusal(binds: &[&str], tmpfs: &[&str]) -> String {
    let error = try_options(binds, tmpfs)
        .and_then(|options| planned(&options, ROOT))
        .unwrap_err();
    assert!(error.hint_text().is_some(), "{error}");
    error.to_string()
}

fn targets(plan: &MountPlan) -> Vec<&str> {
    plan.entries
        .iter()
        .map(|entry| entry.target.to_str().unwrap())
        .collect()
}

#[test]
fn as_root() {
    insta::assert_snapshot!(table(&options(&[], &[]), ROOT));
}

#[test]
fn in_a_user_namespace() {
    let surroundings = Surroundings { user: true, ..ROOT };
    insta::assert_snapshot!(table(&options(&[], &[]), surroundings));
}

#[test]
fn in_a_user_namespace_that_shares_the_others() {
    let surroundings = Surroundings {
        user: true,
        ..Surroundings::default()
    };
    let rows = table(&options(&[], &[]), surroundings).rows;
    let bound: Vec<_> = rows
        .iter()
        .filter(|row| {
            row.kind == "bind" && row.target == row.source && !row.target.contains("dev/")
        })
        .map(|row| (row.target.as_str(), row.options.join(",")))
        .collect();
    let closed = "nosuid,nodev,noexec";
    assert_eq!(
        bound,
        [
            ("/proc", format!("rw,{closed}")),
            ("/sys", format!("ro,{closed}"))
        ]
    );
    assert!(
        rows.iter()
            .any(|row| row.target == "/dev/mqueue" && row.kind == "bind")
    );
}

#[test]
fn sharing_namespaces_as_root_takes_nothing_of_the_hosts() {
    assert_eq!(
        table(&options(&[], &[]), Surroundings::default()),
        table(&options(&[], &[]), ROOT)
    );
}

#[test]
fn with_everything_the_user_may_add() {
    let mut options = options(
        &[
            "/srv/www/:/var/www:ro",
            "/srv/logs/:/var/www/logs",
            "/etc/hosts:/etc/hosts",
        ],
        &["/tmp", "/run:size=1m,mode=755,exec"],
    );
    options.read_only = true;
    insta::assert_snapshot!(table(&options, ROOT));
}

#[test]
fn as_json() {
    let mut options = options(&["/data/:/data:ro"], &[]);
    options.masked.truncate(1);
    options.read_only_paths.truncate(1);
    let surroundings = Surroundings { user: true, ..ROOT };
    let json = serde_json::to_string_pretty(&table(&options, surroundings)).unwrap();
    insta::assert_snapshot!(json);
}

#[test]
fn parents_come_before_children_and_the_masks_last() {
    let options = options(&["/a/:/x/y/z", "/b/:/x", "/c/:/a", "/d/:/x/y"], &["/x/t"]);
    let plan = planned(&options, ROOT).unwrap();
    let users: Vec<_> = targets(&plan)
        .into_iter()
        .filter(|target| target.starts_with("/x") || target.starts_with("/a"))
        .collect();
    assert_eq!(users, ["/x", "/a", "/x/y", "/x/t", "/x/y/z"]);
    let last_mount = plan
        .entries
        .iter()
        .rposition(|entry| matches!(entry.what, What::Bind { .. } | What::FileSystem(_)));
    let first_mask = plan
        .entries
        .iter()
        .position(|entry| entry.what == What::Mask);
    assert!(last_mount < first_mask);
}

#[test]
fn a_mount_of_the_users_replaces_ours_and_keeps_its_turn() {
    let plan = planned(
        &options(&["/host/:/dev/shm", "/sys/:/sys"], &["/dev/mqueue"]),
        ROOT,
    )
    .unwrap();
    let before = planned(&options(&[], &[]), ROOT).unwrap();
    assert_eq!(targets(&plan), targets(&before));
    let what = |target: &str| {
        let entry = plan
            .entries
            .iter()
            .find(|entry| entry.target.to_bytes() == target.as_bytes());
        &entry.unwrap().what
    };
    assert!(matches!(what("/dev/shm"), What::Bind { .. }));
    assert!(matches!(what("/sys"), What::Bind { .. }));
    assert!(matches!(what("/dev/mqueue"), What::FileSystem(fs) if fs.kind.as_c_str() == c"tmpfs"));
}

#[test]
fn what_lies_on_a_mount_of_ours_is_found_from_there() {
    let plan = planned(
        &options(&["/f:/dev/snd", "/g:/etc/f", "/h:/proc/uptime"], &[]),
        ROOT,
    )
    .unwrap();
    let base = |target: &str| {
        let entry = plan
            .entries
            .iter()
            .find(|entry| entry.target.to_bytes() == target.as_bytes());
        entry.unwrap().place.base
    };
    for (target, expected) in [
        ("/proc", Base::Image),
        ("/dev", Base::Image),
        ("/sys", Base::Image),
        ("/dev/pts", Base::Dev),
        ("/dev/snd", Base::Dev),
        ("/etc/f", Base::Root),
        ("/proc/uptime", Base::Proc),
        ("/proc/kcore", Base::Proc),
        ("/sys/firmware", Base::Sys),
    ] {
        assert_eq!(base(target), expected, "{target}");
    }
}

#[test]
fn nothing_may_forge_proc() {
    for target in [
        "/proc",
        "/proc/self/attr",
        "/proc/sys",
        "/x/../proc/sys/kernel",
    ] {
        let error = refusal(&[&format!("/a/:{target}")], &[]);
        assert!(
            error.ends_with("a container's /proc must be the kernel's"),
            "{error}"
        );
    }
    // As a directory, one of the files of lxcfs is not one of them.
    refusal(&["/a/:/proc/uptime"], &[]);
    for target in ["/proc", "/proc/fs", "/dev", "/sys"] {
        let error = refusal(&[], &[target]);
        assert!(
            error.ends_with("the container needs what is there"),
            "{error}"
        );
    }
}

#[test]
fn two_mounts_on_one_target_are_refused() {
    let error = refusal(&["/a/:/x/y", "/b/:/x//y/"], &[]);
    assert_eq!(error, "duplicate mount point: /x/y");
    assert_eq!(
        refusal(&["/a/:/tmp"], &["/tmp"]),
        "duplicate mount point: /tmp"
    );
}

fn volumes(paths: &[&str]) -> Vec<Mount> {
    paths.iter().map(Mount::volume).collect()
}

#[test]
fn volumes_stand_where_nothing_else_does_and_directories_above_all() {
    let mut options = options(&["/a/:/data", "/b/:/srv/db/inner"], &["/data/sub"]);
    options
        .add(volumes(&["/srv/db/", "/data", "/srv/../srv", "/srv"]))
        .unwrap();
    options.directories = ["/", "/work/./dir"].map(PathBuf::from).into();
    let plan = planned(&options, ROOT).unwrap();
    let kind = |entry: &Entry| match entry.what {
        What::Volume { .. } => "volume",
        What::Directory => "directory",
        _ => "other",
    };
    let own: Vec<_> = plan
        .entries
        .iter()
        .map(|entry| (entry.target.to_str().unwrap(), kind(entry)))
        .skip_while(|(target, _)| *target != "/data")
        .take(6)
        .collect();
    assert_eq!(
        own,
        [
            ("/data", "other"),
            ("/data/sub", "other"),
            ("/srv", "volume"),
            ("/srv/db", "volume"),
            ("/srv/db/inner", "other"),
            ("/work/dir", "directory"),
        ]
    );
}

#[test]
fn a_volume_hides_nothing_that_a_container_needs() {
    for path in ["/", "/proc/sys", "/srv/../"] {
        let mut options = options(&[], &[]);
        let refused = options.add(volumes(&[path]));
        let error = refused.and_then(|()| planned(&options, ROOT)).unwrap_err();
        assert!(error.hint_text().is_some(), "{path}");
    }
    // There is a mount already.
    for path in ["/proc", "/dev", "/sys"] {
        let mut with = options(&[], &[]);
        let refused = with.add(volumes(&[path])).is_err();
        assert!(refused || with.mounts == options(&[], &[]).mounts, "{path}");
    }
}

#[test]
fn a_list_of_somebody_elses_keeps_its_order() {
    let mount = |target: &str, kind: &str| Mount::file_system(kind, target, 0, &[]);
    let mut options = options(&[], &[]);
    options.mounts = vec![
        mount("/dev/shm", "tmpfs"),
        mount("/mnt/deep/er", "ext4"),
        mount("/mnt", "ramfs"),
        mount("/dev", "tmpfs"),
        mount("/dev/pts/", "devpts"),
        mount("/dev", "tmpfs"),
        mount("relative/../path", "tmpfs"),
    ];
    options.masked = vec!["/proc/kcore".into(), "/dev/x".into()];
    options.read_only_paths.clear();
    let plan = planned(&options, ROOT).unwrap();
    let found: Vec<_> = plan
        .entries
        .iter()
        .map(|entry| (entry.target.to_str().unwrap(), entry.place.base))
        .collect();
    assert_eq!(
        found,
        [
            // There is no mount of ours on /dev yet.
            ("/dev/shm", Base::Root),
            ("/mnt/deep/er", Base::Root),
            ("/mnt", Base::Root),
            ("/dev", Base::Image),
            ("/dev/pts", Base::Dev),
            ("/dev", Base::Image),
            ("/path", Base::Root),
            // Nobody has mounted a procfs.
            ("/proc/kcore", Base::Root),
            ("/dev/x", Base::Dev),
        ]
    );
}

#[test]
fn a_list_of_somebody_elses_is_held_to_the_same() {
    for (target, kind) in [
        ("/proc", "tmpfs"),
        ("/proc/sys", "proc"),
        ("/x/../proc/", "sysfs"),
        ("/proc\0x", "tmpfs"),
        ("/", "tmpfs"),
        ("", "tmpfs"),
    ] {
        let mut options = options(&[], &[]);
        options.mounts = vec![Mount::file_system(kind, target, 0, &[])];
        let error = planned(&options, ROOT).unwrap_err();
        assert!(error.hint_text().is_some(), "{target:?}");
    }
}

#[test]
fn a_file_system_on_a_device_is_read_only_itself() {
    let options_of = |source: Option<&str>, word: &str| {
        let mount = Mount::from_options("/x", Some("ext4"), source.map(Path::new), [word]).unwrap();
        let mut options = options(&[], &[]);
        options.mounts = vec![mount];
        let plan = planned(&options, ROOT).unwrap();
        match &plan.entries[0].what {
            What::FileSystem(fs) => fs.options.clone(),
            what => panic!("{what:?}"),
        }
    };
    let ro = vec![(CString::from(c"ro"), None)];
    assert_eq!(options_of(Some("/dev/sda1"), "ro"), ro);
    assert_eq!(options_of(Some("/dev/sda1"), "rw"), []);
    assert_eq!(options_of(Some("name"), "ro"), []);
    assert_eq!(options_of(None, "ro"), []);
}

#[test]
fn a_propagation_is_set_only_where_a_clone_does_not_have_it() {
    let other = "/o/:/other:rslave";
    for (bind, alone, beside) in [
        ("/a/:/a", None, "rprivate"),
        ("/a/:/a:private", None, "rprivate"),
        ("/a/:/a:slave", Some("rslave"), "rslave"),
        ("/a/:/a:shared", Some("shared"), "shared"),
        ("/a/:/a:rshared", Some("rshared"), "rshared"),
    ] {
        for (binds, expected) in [(&[bind][..], alone), (&[bind, other], Some(beside))] {
            let plan = planned(&options(binds, &[]), ROOT).unwrap();
            let entry = plan
                .entries
                .iter()
                .find(|entry| entry.target.as_c_str() == c"/a");
            let What::Bind { propagation, .. } = &entry.unwrap().what else {
                panic!("{bind} is no bind");
            };
            assert_eq!(propagation.map(Propagation::word), expected, "{binds:?}");
        }
    }
}

#[test]
fn a_user_namespace_shares_one_way_only() {
    let surroundings = Surroundings { user: true, ..ROOT };
    let shared = planned(&options(&["/a/:/a:rshared"], &[]), surroundings).unwrap_err();
    assert!(shared.hint_text().is_some());
    assert!(planned(&options(&["/a/:/a:rslave"], &[]), surroundings).is_ok());
}
