//! There and back: through Docker itself, a daemon of our own.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::{Need, Output, Run, Running, Test, test};

use crate::made::{done, images, path};
use crate::registry::registry;

pub(crate) fn tests() -> Vec<Test> {
    let needs = &[
        Need::Root,
        Need::Package("busybox", "busybox-static"),
        Need::Program("docker-registry"),
        Need::Package("dockerd", "docker.io"),
    ];
    vec![
        test(
            "docker_runs_what_we_push_and_save",
            needs,
            docker_runs_what_we_push_and_save,
        ),
        test(
            "we_run_what_docker_builds",
            needs,
            we_run_what_docker_builds,
        ),
        test("a_push_reads_as_dockers", needs, a_push_reads_as_dockers),
    ]
}

/// A daemon, a shim and runc for each container take their time on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(300);

/// A Docker daemon that ends with the test, and touches neither the network's rules nor anybody's images.
struct Docker {
    daemon: Option<Running>,
    /// Above those of its containers; it would leave it behind.
    cgroup: String,
}

impl Docker {
    fn start() -> Self {
        // In a mount namespace of its own, so that no mount of it outlives it.
        let cgroup = harness::unique("dockerd");
        let daemon = Run::new("unshare")
            .args(["--mount", "--propagation", "private", "dockerd"])
            .args(["--data-root", &path("docker"), "--exec-root", &path("exec")])
            .args(["--pidfile", &path("pid"), "--host", &socket()])
            .args(["--cgroup-parent", &format!("/{cgroup}")])
            .args(["--iptables=false", "--ip6tables=false", "--bridge=none"])
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .timeout(LIMIT)
            .spawn();
        let docker = Self {
            daemon: Some(daemon),
            cgroup,
        };
        let deadline = Instant::now() + LIMIT;
        while docker.command(&["version"]).output().code != Some(0) {
            assert!(Instant::now() < deadline, "dockerd does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        docker
    }

    fn command(&self, arguments: &[&str]) -> Run {
        Run::new("docker")
            .args(["--host", &socket()])
            .args(arguments)
            .env("HOME", path("home"))
            // What is built here needs nothing that the older builder has not.
            .env("DOCKER_BUILDKIT", "0")
            .timeout(LIMIT)
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().assert_code(0)
    }

    /// What a container of this image says.
    #[track_caller]
    fn says(&self, image: &str) -> String {
        self.done(&["run", "--rm", "--network", "none", image])
            .out()
    }
}

impl Drop for Docker {
    /// It ends what it has started, which a killed one could not.
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.signal(libc::SIGTERM);
            daemon.wait();
        }
        let unified = Path::new("/sys/fs/cgroup");
        let hierarchies = fs::read_dir(unified).into_iter().flatten().flatten();
        for top in hierarchies
            .map(|entry| entry.path())
            .chain([unified.into()])
        {
            let _ = fs::remove_dir(top.join(&self.cgroup));
        }
    }
}

fn socket() -> String {
    format!("unix://{}", path("docker.sock"))
}

fn docker_runs_what_we_push_and_save() {
    let (docker, registry) = (Docker::start(), registry());
    let name = format!("{}/ours", registry.address());
    crate::run::busybox(
        &name,
        &["CMD echo said by $(id -un), $WHERE", "ENV WHERE=here"],
    );
    let id = done(&["ls", "-q", "--no-trunc", &name]).out();
    done(&["push", "-q", &name]);
    docker.done(&["pull", "-q", &name]);
    let theirs = docker.done(&["images", "-q", "--no-trunc", &name]).out();
    assert_eq!(theirs, id);
    assert_eq!(docker.says(&name), "said by root, here\n");

    // Without a registry between.
    docker.done(&["rmi", "-f", &name]);
    done(&["save", "-o", &path("ours.tar"), &name]);
    let loaded = docker.done(&["load", "-i", &path("ours.tar")]).out();
    assert_eq!(loaded, format!("Loaded image: {name}:latest\n"));
    assert_eq!(docker.says(&name), "said by root, here\n");
}

fn we_run_what_docker_builds() {
    let (docker, registry) = (Docker::start(), registry());
    let name = format!("{}/theirs", registry.address());
    crate::run::busybox("base", &[]);
    done(&["save", "-o", &path("base.tar"), "base"]);
    docker.done(&["load", "-i", &path("base.tar")]);
    fs::create_dir_all(path("context")).unwrap();
    fs::write(path("context/file"), "from docker\n").unwrap();
    let dockerfile = "FROM base\nCOPY file /srv/file\nRUN echo someone:x:1234:1234::/:/bin/sh >>/etc/passwd && rm /bin/vi && chown someone /srv\n\
                      USER someone\nWORKDIR /srv\nENV NAME=file\nENTRYPOINT [\"sh\", \"-c\"]\n\
                      CMD [\"cat $NAME; id -u; stat -c %u .; test ! -e /bin/vi && echo gone\"]\n";
    fs::write(path("context/Dockerfile"), dockerfile).unwrap();
    docker.done(&["build", "--network", "none", "-t", &name, &path("context")]);
    let expected = "from docker\n1234\n1234\ngone\n";
    assert_eq!(docker.says(&name), expected);

    docker.done(&["push", &name]);
    let pulled = images(&["run", "-q", &name]).output().assert_code(0);
    assert_eq!(pulled.out(), expected);
    let id = docker.done(&["images", "-q", "--no-trunc", &name]).out();
    assert_eq!(done(&["ls", "-q", "--no-trunc", &name]).out(), id);

    // Without a registry between.
    done(&["rm", &name]);
    docker.done(&["save", "-o", &path("theirs.tar"), &name]);
    let loaded = done(&["load", "-i", &path("theirs.tar")]).out();
    assert_eq!(loaded, format!("Loaded image: {name}:latest\n"));
    assert_eq!(
        images(&["run", &name]).output().assert_code(0).out(),
        expected
    );
}

/// More layers than Docker begins with at once: first pushed, then there, then in another repository, then all tags.
fn a_push_reads_as_dockers() {
    let (docker, registry) = (Docker::start(), registry());
    let at = |name: &str| format!("{}/{name}", registry.address());
    fs::create_dir_all(path("context")).unwrap();
    let mut dockerfile = "FROM scratch\n".to_owned();
    for layer in 0..7 {
        fs::write(path(&format!("context/{layer}")), layer.to_string()).unwrap();
        dockerfile += &format!("COPY {layer} /{layer}\n");
    }
    fs::write(path("context/Dockerfile"), dockerfile).unwrap();
    docker.done(&["build", "-t", "app", &path("context")]);
    docker.done(&["save", "-o", &path("app.tar"), "app"]);
    done(&["load", "-i", &path("app.tar")]);
    for (name, other) in [("user/app", "other"), ("user/app:2", "other:2")] {
        for name in [at("docker/") + name, at("docker/") + other] {
            docker.done(&["tag", "app", &name]);
        }
        for name in [at("images/") + name, at("images/") + other] {
            done(&["tag", "app", &name]);
        }
    }
    for arguments in [
        "push NAME/user/app",
        "push NAME/user/app:latest",
        "push NAME/other:2",
        "push -a NAME/other",
        "push -q NAME/other",
        "push -a -q NAME/other",
        "push NAME/none",
        "push -a NAME/none",
        "push -q NAME/none",
        "push -a NAME/other:2",
        "push NAME/other@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        let words = |whose: &str| arguments.replace("NAME", &at(whose));
        let theirs = docker
            .command(&words("docker").split(' ').collect::<Vec<_>>())
            .output();
        let ours = images(&words("images").split(' ').collect::<Vec<_>>()).output();
        assert_eq!(ours.code, theirs.code, "{arguments}: {ours}");
        assert_eq!(lines(&ours), lines(&theirs), "{arguments}");
        // Two of seven are not among the first five.
        let count = |word: &str| ours.out().matches(word).count();
        assert_eq!(
            count(": Waiting\n") * 7,
            count(": Preparing\n") * 2,
            "{ours}"
        );
    }
    let digests = ["image", "inspect", "-f", "{{len .RepoDigests}}", "app"];
    assert_eq!(done(&digests[1..]).out(), docker.done(&digests).out());
}

/// What a push says, but for who says it and in which order. The digests differ: the archive has the layers unpacked.
/// Which layers wait in Docker depends on how fast the others are.
fn lines(output: &Output) -> Vec<String> {
    let out = output
        .out()
        .replace("/docker/", "/images/")
        .replace("from docker/", "from images/");
    let mut lines: Vec<String> = out
        .lines()
        .filter(|line| !line.ends_with(": Waiting"))
        .map(|line| line.split("sha256:").next().unwrap_or(line).to_owned())
        .collect();
    lines.sort();
    lines
}
