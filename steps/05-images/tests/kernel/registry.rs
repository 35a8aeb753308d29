//! There and back: through the distribution project's registry.

use std::net::{SocketAddr, TcpListener, TcpStream};

use harness::{Need, Run, Running, Test, eventually, test};
use layers::digest::Digest;

use crate::made::{done, file_system, images, path, refused, stored};

pub(crate) fn tests() -> Vec<Test> {
    let needs = &[Need::Root, Need::Program("docker-registry")];
    let skopeo = &[
        Need::Root,
        Need::Program("docker-registry"),
        Need::Program("skopeo"),
    ];
    vec![
        test("what_is_pushed_is_pulled", needs, what_is_pushed_is_pulled),
        test(
            "a_layer_that_is_there_twice_is_pushed_once",
            needs,
            a_layer_that_is_there_twice_is_pushed_once,
        ),
        test(
            "what_skopeo_pushes_is_pulled",
            skopeo,
            what_skopeo_pushes_is_pulled,
        ),
        test(
            "what_is_not_there_is_said",
            needs,
            what_is_not_there_is_said,
        ),
        test(
            "what_is_run_is_pulled_first",
            &[
                Need::Root,
                Need::Program("docker-registry"),
                Need::Package("busybox", "busybox-static"),
            ],
            what_is_run_is_pulled_first,
        ),
        test("killed_while_it_pulls", needs, killed_while_it_pulls),
    ]
}

/// A registry that runs until it is dropped, and its address.
pub(crate) struct Registry(
    SocketAddr,
    #[expect(dead_code, reason = "it runs until it is dropped")] Running,
);

impl Registry {
    pub(crate) fn address(&self) -> SocketAddr {
        self.0
    }
}

pub(crate) fn registry() -> Registry {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = path("registry.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp:\n  addr: {address}\n",
        path("registry")
    );
    std::fs::write(&config, text).unwrap();
    let running = Run::new("docker-registry").args(["serve", &config]).spawn();
    eventually(|| TcpStream::connect(address).ok());
    Registry(address, running)
}

fn made(name: &str) -> String {
    let archive = file_system("one", "one");
    done(&["import", "-c", "CMD [\"sh\"]", &archive, name])
        .out()
        .trim()
        .to_owned()
}

fn what_is_pushed_is_pulled() {
    let registry = registry();
    let name = format!("{}/user/app", registry.0);
    let id = made(&format!("{name}:1"));
    let pushed = done(&["push", &format!("{name}:1")]).out();
    assert!(
        pushed.starts_with(&format!("The push refers to repository [{name}]\n")),
        "{pushed}"
    );
    // A layer is called by what it is, not by how it is packed.
    let layers = ["inspect", "-f", "{{index .RootFS.Layers 0}}", &id];
    let layer = done(&layers).out()["sha256:".len()..][..12].to_owned();
    let shown = format!("{layer}: Preparing\n{layer}: Pushed\n1: digest: sha256:");
    assert!(pushed.contains(&shown), "{pushed}");
    let again = done(&["push", &format!("{name}:1")]).out();
    assert!(again.contains(": Layer already exists\n"), "{again}");
    let digests = ["inspect", "-f", "{{join .RepoDigests \" \"}}", &id];
    let known = done(&digests).out();
    assert!(known.starts_with(&format!("{name}@sha256:")), "{known}");
    let other = format!("{}/other", registry.0);
    done(&["tag", &id, &other]);
    let mounted = done(&["push", &other]).out();
    let shown = format!("{layer}: Mounted from user/app\n");
    assert!(mounted.contains(&shown), "{mounted}");
    done(&["rm", &other]);
    done(&["tag", &format!("{name}:1"), &name]);
    assert_eq!(
        done(&["push", "-a", "-q", &name]).out(),
        format!("{name}\n")
    );
    done(&["rm", "-f", &id]);
    assert_eq!(stored(), [""; 0]);

    let pulled = done(&["pull", &name]).out();
    let lines: Vec<&str> = pulled.lines().collect();
    assert_eq!(
        lines[..2],
        ["Using default tag: latest", "latest: Pulling from user/app"]
    );
    assert!(lines[2].ends_with(": Pulling fs layer"), "{pulled}");
    assert!(lines[3].ends_with(": Download complete"), "{pulled}");
    assert!(lines[4].ends_with(": Pull complete"), "{pulled}");
    let digest = lines[5].strip_prefix("Digest: ").unwrap();
    assert_eq!(
        lines[6],
        format!("Status: Downloaded newer image for {name}:latest")
    );
    assert_eq!(lines[7..], [format!("{name}:latest")]);
    assert_eq!(done(&["ls", "-q", "--no-trunc"]).out().trim(), id);
    assert!(done(&["ls", "--digests"]).out().contains(digest));
    let again = done(&["pull", &name]).out();
    // What is there as a whole is not told layer by layer.
    let status = format!("Status: Image is up to date for {name}:latest");
    let expected = [lines[0], lines[1], lines[5], &status, lines[7]];
    assert_eq!(again.lines().collect::<Vec<_>>(), expected);

    // On a terminal each layer has a line of its own, which changes.
    done(&["rm", "-f", &id]);
    let terminal = images(&["pull", &name]).under_pty();
    terminal.expect(": Pull complete");
    terminal.expect("Status: Downloaded newer image for");
    let shown = terminal.wait().assert_code(0).out();
    assert!(!shown.contains("Download complete"), "{shown}");
    let redrawn = images(&["pull", "-q", &name]).under_pty().wait();
    assert_eq!(redrawn.out().trim_end(), format!("{name}:latest"));

    done(&["rm", &name]);
    let by_digest = format!("{name}@{digest}");
    assert_eq!(
        done(&["pull", "-q", &by_digest]).out(),
        format!("{by_digest}\n")
    );
    assert_eq!(
        done(&["pull", "-a", "-q", &name]).out(),
        format!("{name}\n")
    );
    assert_eq!(done(&["ls", &name]).out().lines().count(), 3);
    let all = done(&["pull", "-a", &name]).out();
    let status = format!("Status: Image is up to date for {name}\n");
    assert_eq!(all.matches("Status").count(), 1, "{all}");
    assert!(all.contains(&status), "{all}");
    let all = done(&["push", "-a", &name]).out();
    assert_eq!(all.matches("The push refers to").count(), 1, "{all}");
}

fn a_layer_that_is_there_twice_is_pushed_once() {
    let registry = registry();
    let layer = file_system("one", "one");
    let diff_id = Digest::of(std::fs::read(&layer).unwrap());
    let folder = path("twice");
    std::fs::create_dir(&folder).unwrap();
    std::fs::rename(&layer, format!("{folder}/layer.tar")).unwrap();
    let config = format!(
        r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{diff_id}","{diff_id}"]}}}}"#
    );
    std::fs::write(format!("{folder}/config.json"), config).unwrap();
    let name = format!("{}/twice:1", registry.0);
    let manifest = format!(
        r#"[{{"Config":"config.json","RepoTags":["{name}"],"Layers":["layer.tar","layer.tar"]}}]"#
    );
    std::fs::write(format!("{folder}/manifest.json"), manifest).unwrap();
    let archive = path("twice.tar");
    let files = ["layer.tar", "config.json", "manifest.json"];
    Run::new("tar")
        .args(["-C", &folder, "-cf", &archive])
        .args(files)
        .output()
        .assert_code(0);
    done(&["load", "-i", &archive]);
    let pushed = done(&["push", &name]).out();
    let count = |word: &str| pushed.matches(word).count();
    assert_eq!(count(": Preparing\n"), 2, "{pushed}");
    assert_eq!(count(": Pushed\n"), 1, "{pushed}");
    assert_eq!(count(": Layer already exists\n"), 0, "{pushed}");
}

fn what_skopeo_pushes_is_pulled() {
    let registry = registry();
    let id = made("app:1");
    let saved = path("saved.tar");
    done(&["save", "-o", &saved, "app:1"]);
    done(&["rm", "app:1"]);
    for (format, tag) in [("v2s2", "docker"), ("oci", "oci")] {
        let name = format!("{}/app:{tag}", registry.0);
        Run::new("skopeo")
            .args(["copy", "-q", "--dest-tls-verify=false", "--format", format])
            .args([format!("oci-archive:{saved}"), format!("docker://{name}")])
            .output()
            .assert_code(0);
        done(&["pull", "-q", &name]);
        let line = done(&["inspect", "-f", "{{.Size}} {{json .Config.Cmd}}", &name]).out();
        assert_eq!(line, "100007 [\"sh\"]\n", "{format}");
    }
    let oci = done(&[
        "inspect",
        "-f",
        "{{.Id}}",
        &format!("{}/app:oci", registry.0),
    ])
    .out();
    assert_eq!(oci.trim(), id);
}

fn what_is_not_there_is_said() {
    let registry = registry();
    let name = format!("{}/none", registry.0);
    let output = images(&["pull", &name]).output().assert_code(1);
    assert!(output.err().contains("none"), "{output}");
    refused(&["pull", "-q", &format!("{name}:1")], "none");
    refused(
        &["push", "-q", &name],
        "An image does not exist locally with the tag",
    );
    refused(
        &["pull", "-a", "-q", &format!("{name}:1")],
        "tag can't be used",
    );
    assert_eq!(stored(), [""; 0]);
}

fn what_is_run_is_pulled_first() {
    let registry = registry();
    let name = format!("{}/app", registry.0);
    crate::run::busybox(&name, &["CMD echo one"]);
    done(&["push", "-q", &name]);
    done(&["rm", &name]);
    let run = |arguments: &[&str]| {
        let all = [&["run"], arguments, &[name.as_str()]].concat();
        images(&all).output()
    };
    let missing = run(&["--pull", "never"]).assert_code(125);
    let sentence = format!("No such image: {name}:latest");
    assert!(missing.err().contains(&sentence), "{missing}");

    let pulled = run(&[]).assert_code(0);
    assert_eq!(pulled.out(), "one\n");
    let shown = pulled.err();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines[0],
        format!("Unable to find image '{name}:latest' locally")
    );
    assert_eq!(lines[1], "latest: Pulling from app");
    let status = format!("Status: Downloaded newer image for {name}:latest");
    assert_eq!(lines.last(), Some(&status.as_str()));
    // Then it is there, and nobody asks.
    let again = run(&[]).assert_code(0);
    assert_eq!((again.out().as_str(), again.err().as_str()), ("one\n", ""));
    let always = run(&["--pull", "always"]).assert_code(0);
    assert!(
        always.err().contains("Status: Image is up to date for"),
        "{always}"
    );
    assert_eq!(run(&["--pull=always", "-q"]).assert_code(0).err(), "");
    // Another platform is another image, which this registry has not; and what it has is run all the same.
    done(&["rm", "-f", &name]);
    run(&["-q", "--platform", "linux/amd64"]).assert_code(0);

    drop(registry);
    let gone = run(&["--pull", "always"]).assert_code(125);
    assert!(gone.err().contains("Connection refused"), "{gone}");
    assert_eq!(run(&[]).assert_code(0).out(), "one\n");
}

/// Wherever it is killed, the next pull succeeds.
fn killed_while_it_pulls() {
    let registry = registry();
    let name = format!("{}/app", registry.0);
    let id = made(&name);
    done(&["push", "-q", &name]);
    done(&["rm", "-f", &id]);
    let mut kills = 0;
    // By the clock: a traced program and a registry do not go together well.
    for milliseconds in (1..2000).step_by(2) {
        let limit = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
        let program = harness::bin("images");
        let output = Run::new("timeout")
            .args([
                "-s",
                "KILL",
                &limit,
                program.to_str().unwrap(),
                "pull",
                "-q",
                &name,
            ])
            .output();
        let shown = done(&["ls", "-q", "--no-trunc"]).out();
        assert!(shown.is_empty() || shown.trim() == id, "{shown}");
        if !shown.is_empty() {
            done(&["save", "-o", "/dev/null", &name]);
            done(&["rm", "-f", &id]);
        }
        if output.code == Some(0) {
            break;
        }
        kills += 1;
    }
    assert!(kills > 3, "{kills} kills");
    done(&["pull", "-q", &name]);
    done(&["save", "-o", "/dev/null", &name]);
    done(&["rm", "-f", &id]);
    done(&["prune", "-f"]);
    assert_eq!(stored(), [""; 0]);
}
