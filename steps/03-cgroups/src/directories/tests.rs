//! Which directories are chosen. What the kernel makes of them is tested in `tests/`.

use super::*;
use Controller::{Cpu, Cpuacct, Cpuset, Devices, Freezer, Hugetlb, Memory, Pids};

/// A hierarchy mounted on a real directory, because whether we may write there decides.
fn hierarchy(version: Version, mount: &Path, controllers: &[Controller]) -> Hierarchy {
    fs::create_dir_all(mount).unwrap();
    Hierarchy {
        version,
        controllers: controllers.to_vec(),
        mount: mount.to_owned(),
        root: "/".into(),
        own: None,
    }
}

fn chosen(
    layout: &Layout,
    top: &Path,
    asked: &[(Controller, &'static str)],
) -> Vec<(String, Vec<Controller>)> {
    let group = Group::choose(layout, "web", None, asked).unwrap();
    let relative = |node: &Node| {
        node.directory
            .strip_prefix(top)
            .unwrap()
            .display()
            .to_string()
    };
    group
        .nodes
        .iter()
        .map(|node| (relative(node), node.controllers.clone()))
        .collect()
}

#[test]
fn on_v2_one_directory_has_it_all() {
    let top = tempfile::tempdir().unwrap();
    let layout = Layout {
        unified: Some(hierarchy(
            Version::V2,
            top.path(),
            &[Cpu, Cpuset, Memory, Pids, Hugetlb],
        )),
        v1: Vec::new(),
    };
    let directory = "drydock-web".to_owned();
    let usual = vec![Cpu, Cpuacct, Memory, Pids, Devices, Freezer];
    assert_eq!(
        chosen(&layout, top.path(), &[]),
        [(directory.clone(), usual)]
    );
    let with_cpuset = vec![Cpu, Cpuacct, Cpuset, Memory, Pids, Devices, Freezer];
    assert_eq!(
        chosen(&layout, top.path(), &[(Cpuset, "--cpuset-cpus")]),
        [(directory, with_cpuset)]
    );
}

#[test]
fn on_a_hybrid_host_the_v1_freezer_is_not_needed() {
    let top = tempfile::tempdir().unwrap();
    let at = |name: &str| top.path().join(name);
    let mut layout = Layout {
        unified: Some(hierarchy(Version::V2, &at("unified"), &[Hugetlb])),
        v1: vec![
            hierarchy(Version::V1, &at("memory"), &[Memory]),
            hierarchy(Version::V1, &at("cpu,cpuacct"), &[Cpu, Cpuacct]),
            hierarchy(Version::V1, &at("cpuset"), &[Cpuset]),
            hierarchy(Version::V1, &at("freezer"), &[Freezer]),
        ],
    };
    let directories = |layout: &Layout| -> Vec<String> {
        chosen(layout, top.path(), &[])
            .into_iter()
            .map(|(directory, _)| directory)
            .collect()
    };
    assert_eq!(
        directories(&layout),
        [
            "unified/drydock-web",
            "memory/drydock-web",
            "cpu,cpuacct/drydock-web"
        ]
    );
    layout.unified = None;
    layout.v1.rotate_right(1);
    assert_eq!(
        directories(&layout),
        [
            "freezer/drydock-web",
            "memory/drydock-web",
            "cpu,cpuacct/drydock-web"
        ]
    );
}

#[test]
fn a_missing_controller_is_an_error_only_if_it_was_asked_for() {
    let top = tempfile::tempdir().unwrap();
    let layout = Layout {
        unified: Some(hierarchy(Version::V2, top.path(), &[Cpu])),
        v1: Vec::new(),
    };
    assert!(Group::choose(&layout, "web", None, &[(Cpu, "--cpus")]).is_ok());
    let error = Group::choose(&layout, "web", None, &[(Memory, "--memory")]).unwrap_err();
    assert!(error.to_string().contains("--memory"), "{error}");
    assert!(error.hint_text().is_some());
}

#[test]
fn a_parent_is_below_the_top_of_each_hierarchy() {
    let top = tempfile::tempdir().unwrap();
    let layout = Layout {
        unified: Some(hierarchy(Version::V2, top.path(), &[])),
        v1: Vec::new(),
    };
    let group = Group::choose(&layout, "web", Some(Path::new("lab/a")), &[]).unwrap();
    assert_eq!(
        group.nodes[0].directory,
        top.path().join("lab/a/drydock-web")
    );
}
