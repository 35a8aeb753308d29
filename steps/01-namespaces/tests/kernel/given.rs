//! What a program gives to the library, piece by piece: streams, descriptors, namespaces, mechanisms of its own.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use harness::{Census, Need, Run, Test, example, test};

use crate::ROOT;
use crate::lifecycle::directory;

pub(crate) const USER: &[Need] = &[Need::Root, Need::UserNamespaces];

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("streams_are_as_given", ROOT, streams_are_as_given),
        test(
            "kept_descriptors_follow_the_streams",
            ROOT,
            kept_descriptors_follow_the_streams,
        ),
        test(
            "a_console_socket_gets_a_terminal",
            ROOT,
            a_console_socket_gets_a_terminal,
        ),
        test(
            "a_console_socket_that_nobody_reads_is_refused",
            ROOT,
            a_console_socket_that_nobody_reads_is_refused,
        ),
        test(
            "namespaces_are_joined_one_by_one",
            USER,
            namespaces_are_joined_one_by_one,
        ),
        test(
            "a_namespace_of_another_kind_is_refused",
            ROOT,
            a_namespace_of_another_kind_is_refused,
        ),
        test(
            "a_mechanism_can_ask_in_the_middle",
            ROOT,
            a_mechanism_can_ask_in_the_middle,
        ),
        test("a_refusal_ends_the_start", ROOT, a_refusal_ends_the_start),
        test(
            "mechanisms_have_the_order_of_their_stages",
            ROOT,
            mechanisms_have_the_order_of_their_stages,
        ),
    ]
}

pub(crate) fn probe(options: &[&str]) -> Run {
    Run::new(example("namespaces-probe")).args(options)
}

pub(crate) fn sh(options: &[&str], script: &str) -> Run {
    probe(options).args(["--", "sh", "-c", script])
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = harness::directory().join(name);
    fs::write(&path, text).unwrap();
    path
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(crate) const WITH_AND_WITHOUT_INIT: [&[&str]; 2] = [&[], &["--init"]];

fn streams_are_as_given() {
    let [input, output, error] =
        [("in", "given\n"), ("out", ""), ("err", "")].map(|(n, t)| file(n, t));
    for init in WITH_AND_WITHOUT_INIT {
        let given: Vec<String> = [&input, &output, &error]
            .map(|path| format!("--stream={}", text(path)))
            .to_vec();
        let given: Vec<&str> = given
            .iter()
            .map(String::as_str)
            .chain(init.iter().copied())
            .collect();
        let all = sh(&given, "cat; echo error >&2")
            .stdin("ours")
            .output()
            .assert_code(0);
        assert_eq!((all.out(), all.err()), (String::new(), String::new()));
        assert_eq!(fs::read_to_string(&output).unwrap(), "given\n");
        assert_eq!(fs::read_to_string(&error).unwrap(), "error\n");
        fs::write(&output, "").unwrap();
        fs::write(&error, "").unwrap();
        let null = ["--stream=null", "--stream=inherit", "--stream=null"];
        let some: Vec<&str> = null.into_iter().chain(init.iter().copied()).collect();
        let some = sh(&some, "cat; echo error >&2; echo done")
            .stdin("ours")
            .output()
            .assert_code(0);
        assert_eq!((some.out().as_str(), some.err().as_str()), ("done\n", ""));
    }
}

fn kept_descriptors_follow_the_streams() {
    let files = ["a", "b", "c"].map(|name| file(name, name));
    let keep: Vec<String> = files
        .iter()
        .map(|path| format!("--keep={}", text(path)))
        .collect();
    let script = "cat <&3; cat <&4; cat <&5; echo; ls /proc/self/fd | tr '\\n' ' '";
    for init in WITH_AND_WITHOUT_INIT {
        let options: Vec<&str> = keep
            .iter()
            .map(String::as_str)
            .chain(init.iter().copied())
            .collect();
        // Ours are elsewhere, and one of theirs is where another is to be.
        for leak in ["true", "exec 3</dev/null 4</dev/null", "exec 3</ 5</ 9</"] {
            let output = sh(&options, script).after(leak).output().assert_code(0);
            assert_eq!(output.out(), "abc\n0 1 2 3 4 5 6 ", "{leak}");
        }
    }
}

fn a_console_socket_gets_a_terminal() {
    let path = harness::directory().join("console");
    let listener = UnixListener::bind(&path).unwrap();
    let options = ["--init", "--terminal", "--console", text(&path)];
    let running = sh(&options, "test -t 0 && test -t 1 && test -t 2 && read line && echo got $line && tty >/dev/null && exit 42").spawn();
    let (connection, _) = listener.accept().unwrap();
    let mut name = [0; 64];
    let (length, master) = kit::sys::descriptor::receive(&connection, &mut name).unwrap();
    assert_eq!(&name[..length], b"/dev/ptmx");
    let mut master = fs::File::from(master.expect("a descriptor comes with it"));
    master.write_all(b"hello\n").unwrap();
    running.wait().assert_code(42);
    let mut shown = [0; 256];
    let length = std::io::Read::read(&mut master, &mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown[..length]).into_owned();
    assert!(shown.contains("got hello\r\n"), "{shown:?}");
}

fn a_console_socket_that_nobody_reads_is_refused() {
    let path = harness::directory().join("console");
    let listener = UnixListener::bind(&path).unwrap();
    let census = Census::take();
    let options = ["--ask", "yes", "--terminal", "--console", text(&path)];
    let refused = (0..20).any(|_| {
        let listener = listener.try_clone().unwrap();
        let closer = std::thread::spawn(move || drop(listener.accept().unwrap()));
        let output = sh(&options, "sleep 100").output();
        closer.join().unwrap();
        // On a busy machine the other end may close after the terminal was sent, which then ends with its reader.
        if output.code == Some(128 + libc::SIGHUP) {
            return false;
        }
        output.assert_code(125).err().contains("console socket")
    });
    assert!(refused);
    census.assert_unchanged();
}

fn namespaces_are_joined_one_by_one() {
    const KINDS: [&str; 6] = ["net", "uts", "ipc", "pid", "mnt", "user"];
    let of = |pid: &str, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
    let sleeper = |options: &[&str]| {
        let running = sh(options, "echo ready; exec sleep 100").spawn();
        running.expect("ready");
        let pid = last_descendant(&running.pid().to_string());
        (running, pid)
    };
    let (_target, theirs) = sleeper(&["--new=net,uts,ipc,pid,mnt", "--uid-map=0:0:1"]);
    for kind in KINDS {
        for init in WITH_AND_WITHOUT_INIT {
            let join = format!("--join={kind}=/proc/{theirs}/ns/{kind}");
            let options: Vec<&str> = [join.as_str()]
                .into_iter()
                .chain(init.iter().copied())
                .collect();
            let (_running, joined) = sleeper(&options);
            for each in KINDS {
                let whose = if each == kind { &theirs } else { "self" };
                assert_eq!(
                    of(&joined, each),
                    of(whose, each),
                    "{each} after joining {kind}"
                );
            }
        }
    }
}

fn last_descendant(pid: &str) -> String {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    match children.split_whitespace().next() {
        Some(child) => last_descendant(child),
        None => pid.to_owned(),
    }
}

fn a_namespace_of_another_kind_is_refused() {
    let census = Census::take();
    for (options, sentence) in [
        (
            &["--join=net=/proc/self/ns/uts"][..],
            "as the net namespace is a namespace of another kind",
        ),
        (
            &["--join=net=/etc/passwd"],
            "cannot join the namespace net: ",
        ),
        (
            &["--new=net", "--join=net=/proc/self/ns/net"],
            "the net namespace cannot be two at once",
        ),
        (
            &[
                "--join=net=/proc/self/ns/net",
                "--join=net=/proc/self/ns/net",
            ],
            "the net namespace cannot be two at once",
        ),
        (
            &["--new=uts", "--join=user=/proc/self/ns/user"],
            "cannot have new namespaces beside it",
        ),
    ] {
        let output = sh(options, "true").output().assert_code(125);
        assert!(output.err().contains(sentence), "{output}");
        assert!(
            output.err().contains("hint: ") || sentence.contains("another kind"),
            "{output}"
        );
    }
    census.assert_unchanged();
}

fn a_mechanism_can_ask_in_the_middle() {
    for init in WITH_AND_WITHOUT_INIT {
        let options: Vec<&str> = ["--ask", "yes"]
            .into_iter()
            .chain(init.iter().copied())
            .collect();
        let output = sh(&options, "echo command").output().assert_code(0);
        assert_eq!(
            output.out(),
            "parent is asked: may I?\nyes\nchild goes on\ncommand\n"
        );
    }
}

fn a_refusal_ends_the_start() {
    let directory = directory("box");
    let census = Census::take();
    for (answer, code, sentence) in [
        ("no", 42, "the parent refuses"),
        ("long", 125, "cannot answer the container: Message too long"),
        (
            "longer than there is room",
            125,
            "cannot ask: Message too long",
        ),
    ] {
        for more in [&[][..], &["--create", text(&directory)]] {
            let options: Vec<&str> = ["--ask", answer]
                .into_iter()
                .chain(more.iter().copied())
                .collect();
            let output = sh(&options, "echo command").output().assert_code(code);
            assert_eq!(output.out(), "parent is asked: may I?\n");
            assert!(output.err().contains(sentence), "{output}");
            census.assert_unchanged();
        }
    }
}

fn mechanisms_have_the_order_of_their_stages() {
    let stages = file("stages", "");
    let options = [
        "--ask",
        "yes",
        "--user",
        "1:1",
        "--new",
        "uts",
        "--stages",
        text(&stages),
    ];
    let output = sh(&options, "id -u; hostname").output().assert_code(0);
    assert!(output.out().ends_with("1\nprobe\n"), "{output}");
    let order = fs::read_to_string(&stages).unwrap();
    assert_eq!(order, "first\nmounts\npivot\nentered\n");
}
