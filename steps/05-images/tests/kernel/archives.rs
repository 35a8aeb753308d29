//! What skopeo and umoci make of what we save, and we of what they write.

use harness::{Need, Run, Test, test};

use crate::made::{done, file_system, images, path, refused};

const SKOPEO: Need = Need::Program("skopeo");
const UMOCI: Need = Need::Program("umoci");

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "skopeo_reads_both_formats",
            &[Need::Root, SKOPEO],
            skopeo_reads_both_formats,
        ),
        test(
            "what_skopeo_writes_is_loaded",
            &[Need::Root, SKOPEO],
            what_skopeo_writes_is_loaded,
        ),
        test(
            "umoci_unpacks_what_is_saved",
            &[Need::Root, UMOCI],
            umoci_unpacks_what_is_saved,
        ),
        test(
            "what_umoci_writes_is_loaded",
            &[Need::Root, UMOCI],
            what_umoci_writes_is_loaded,
        ),
        test(
            "compressed_archives_are_loaded",
            &[Need::Root],
            compressed_archives_are_loaded,
        ),
        test(
            "a_saved_file_is_whole_or_not_there",
            &[Need::Root],
            a_saved_file_is_whole_or_not_there,
        ),
    ]
}

fn run(program: &str, arguments: &[&str]) -> String {
    Run::new(program)
        .args(arguments)
        .output()
        .assert_code(0)
        .out()
}

fn made() -> String {
    let archive = file_system("one", "one");
    done(&["import", "-c", "CMD [\"sh\"]", &archive, "app:1"])
        .out()
        .trim()
        .to_owned()
}

fn skopeo_reads_both_formats() {
    let id = made();
    let saved = path("saved.tar");
    done(&["save", "-o", &saved, "app:1"]);
    for transport in ["docker-archive", "oci-archive"] {
        let image = format!("{transport}:{saved}");
        let config = run("skopeo", &["inspect", "--config", "--raw", &image]);
        let config: serde_json::Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["config"]["Cmd"][0], "sh", "{transport}");
        let target = format!("oci:{}", path(&format!("{transport}-copy")));
        run("skopeo", &["copy", "-q", &image, &target]);
    }
    let manifest = run(
        "skopeo",
        &["inspect", "--raw", &format!("oci-archive:{saved}")],
    );
    assert!(manifest.contains(&id), "{manifest}");
}

fn what_skopeo_writes_is_loaded() {
    made();
    let saved = path("saved.tar");
    done(&["save", "-o", &saved, "app:1"]);
    let source = format!("oci-archive:{saved}");
    for (transport, name) in [
        ("docker-archive", "copied:2"),
        ("oci-archive", "host.io/copied:3"),
    ] {
        let file = path(&format!("{transport}.tar"));
        run(
            "skopeo",
            &["copy", "-q", &source, &format!("{transport}:{file}:{name}")],
        );
        let loaded = done(&["load", "-i", &file]).out();
        assert_eq!(loaded, format!("Loaded image: {name}\n"));
        let shown = done(&["inspect", name]).out();
        assert!(shown.contains("\"Size\": 100007"), "{shown}");
    }
}

fn umoci_unpacks_what_is_saved() {
    made();
    let (saved, layout, bundle) = (path("saved.tar"), path("layout"), path("bundle"));
    done(&["save", "-o", &saved, "app:1"]);
    std::fs::create_dir(&layout).unwrap();
    run("tar", &["-C", &layout, "-xf", &saved]);
    run(
        "umoci",
        &["unpack", "--image", &format!("{layout}:1"), &bundle],
    );
    let name = std::fs::read_to_string(format!("{bundle}/rootfs/etc/link")).unwrap();
    assert_eq!(name, "one");
}

fn what_umoci_writes_is_loaded() {
    let (layout, bundle) = (path("layout"), path("bundle"));
    let image = format!("{layout}:new");
    run("umoci", &["init", "--layout", &layout]);
    run("umoci", &["new", "--image", &image]);
    run("umoci", &["unpack", "--image", &image, &bundle]);
    std::fs::write(format!("{bundle}/rootfs/first"), "first").unwrap();
    run("umoci", &["repack", "--image", &image, &bundle]);
    let second = path("second");
    run("umoci", &["unpack", "--image", &image, &second]);
    std::fs::remove_file(format!("{second}/rootfs/first")).unwrap();
    std::fs::write(format!("{second}/rootfs/second"), "second").unwrap();
    run("umoci", &["repack", "--image", &image, &second]);
    run(
        "umoci",
        &["config", "--image", &image, "--config.cmd", "sh"],
    );
    run("umoci", &["gc", "--layout", &layout]);
    let archive = path("layout.tar");
    run("tar", &["-C", &layout, "-cf", &archive, "."]);
    let loaded = done(&["load", "-i", &archive]).out();
    let id = loaded
        .trim()
        .strip_prefix("Loaded image ID: ")
        .unwrap()
        .to_owned();
    let shown: serde_json::Value = serde_json::from_str(&done(&["inspect", &id]).out()).unwrap();
    let upper = shown[0]["GraphDriver"]["Data"]["UpperDir"]
        .as_str()
        .unwrap();
    assert_eq!(
        std::fs::read_to_string(format!("{upper}/second")).unwrap(),
        "second"
    );
    // The whiteout, as overlayfs has it: a character device 0/0.
    assert_eq!(
        run("stat", &["-c", "%F %t/%T", &format!("{upper}/first")]),
        "character special file 0/0\n"
    );
}

fn compressed_archives_are_loaded() {
    made();
    let saved = path("saved.tar");
    done(&["save", "-o", &saved, "app:1"]);
    run("gzip", &["-k", &saved]);
    done(&["rm", "app:1"]);
    assert_eq!(
        done(&["load", "-i", &(saved.clone() + ".gz")]).out(),
        "Loaded image: app:1\n"
    );
    let quiet = images(&["load", "-q", "-i", &saved])
        .output()
        .assert_code(0);
    // As in Docker, quiet is only the progress.
    assert_eq!(quiet.out(), "Loaded image: app:1\n");
}

fn a_saved_file_is_whole_or_not_there() {
    made();
    let saved = path("saved.tar");
    std::fs::write(&saved, "before").unwrap();
    refused(&["save", "-o", &saved, "app:1", "none"], "No such image");
    assert_eq!(std::fs::read_to_string(&saved).unwrap(), "before");
    done(&["save", "-o", &saved, "app:1"]);
    let host = done(&["inspect", "-f", "{{.Os}}/{{.Architecture}}", "app:1"]).out();
    done(&["save", "--platform", host.trim(), "-o", &saved, "app:1"]);
    refused(
        &["save", "--platform", "linux/s390x", "-o", &saved, "app:1"],
        "does not provide the specified platform (linux/s390x)",
    );
    refused(
        &["load", "--platform", "linux/s390x", "-i", &saved],
        "the archive holds no image for linux/s390x",
    );
    done(&["load", "--platform", host.trim(), "-i", &saved]);
    let to_stdout = done(&["save", "-o", "/dev/stdout", "app:1"]).stdout;
    assert_eq!(std::fs::read(&saved).unwrap(), to_stdout);
    let left = std::fs::read_dir(harness::directory()).unwrap();
    assert!(
        !left
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with(".tmp-"))
    );
}
