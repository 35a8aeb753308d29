//! How long a container lives, and what is left of it: lifetimes, `undo`, and records that are not what they should be.

use std::fs;
use std::time::Duration;

use harness::{Census, Run, Test, eventually, example, test};
use nix::sys::signal::{SIGCONT, SIGKILL, SIGSTOP, kill};
use nix::unistd::Pid;

use crate::ROOT;
use crate::lifecycle::{create, created, directory, is_alive, lifecycle, start, undo};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "a_detached_container_outlives_its_creator",
            ROOT,
            a_detached_container_outlives_its_creator,
        ),
        test(
            "one_with_a_parent_dies_with_its_creator",
            ROOT,
            one_with_a_parent_dies_with_its_creator,
        ),
        test(
            "one_with_a_parent_is_waited_for_by_its_creator",
            ROOT,
            one_with_a_parent_is_waited_for_by_its_creator,
        ),
        test(
            "undo_kills_what_runs_or_waits",
            ROOT,
            undo_kills_what_runs_or_waits,
        ),
        test("undo_can_be_done_again", ROOT, undo_can_be_done_again),
        test("undo_waits_for_a_creation", ROOT, undo_waits_for_a_creation),
        test(
            "a_starter_that_was_not_told_has_not_started",
            ROOT,
            a_starter_that_was_not_told_has_not_started,
        ),
        test(
            "a_record_that_is_none_is_left_alone",
            ROOT,
            a_record_that_is_none_is_left_alone,
        ),
        test(
            "a_record_of_another_process_or_boot_kills_nobody",
            ROOT,
            a_record_of_another_process_or_boot_kills_nobody,
        ),
    ]
}

fn a_detached_container_outlives_its_creator() {
    for more in [
        &[][..],
        &["--init"],
        &["--user", "1:1"],
        &["--init", "--user", "1:1"],
    ] {
        let directory = directory(&format!("box{}", more.concat()));
        let creator = Run::new(example("namespaces-probe"))
            .arg("--create")
            .arg(&directory)
            .args(more)
            .args(["--", "sleep", "100"]);
        let pid = created(creator, &directory);
        std::thread::sleep(Duration::from_millis(50));
        assert!(is_alive(pid), "{more:?}");
        start(&directory);
        std::thread::sleep(Duration::from_millis(50));
        assert!(is_alive(pid), "{more:?}");
        undo(&directory);
        assert!(!is_alive(pid));
    }
}

fn one_with_a_parent_dies_with_its_creator() {
    let census = Census::take();
    for more in [
        &[][..],
        &["--init"],
        &["--user", "1:1"],
        &["--init", "--user", "1:1"],
    ] {
        for is_started in [false, true] {
            let directory = directory(&format!("box{}{is_started}", more.concat()));
            let creator = Run::new(example("namespaces-probe"))
                .arg("--create")
                .arg(&directory)
                .arg("--with-parent")
                .args(more)
                .args(["--", "sleep", "100"])
                .spawn();
            let pid = Pid::from_raw(creator.expect("\n").trim().parse().unwrap());
            if is_started {
                start(&directory);
            }
            creator.signal(libc::SIGKILL);
            creator.wait();
            eventually(|| (!is_alive(pid)).then_some(()));
            undo(&directory);
            fs::remove_dir(&directory).unwrap();
        }
    }
    census.assert_unchanged();
}

fn one_with_a_parent_is_waited_for_by_its_creator() {
    let directory = directory("box");
    let census = Census::take();
    let creator = lifecycle("create", &directory)
        .arg("--with-parent")
        .args(["sh", "-c", "exit 42"])
        .spawn();
    creator.expect("\n");
    start(&directory);
    creator.wait().assert_code(42);
    // Without undo.
    census.assert_unchanged();
}

fn undo_kills_what_runs_or_waits() {
    let directory = directory("box");
    let census = Census::take();
    for is_started in [false, true] {
        let pid = create(&directory, &["sh", "-c", "trap '' TERM; sleep 100"]);
        if is_started {
            start(&directory);
        }
        undo(&directory);
        assert!(!is_alive(pid));
        census.assert_unchanged();
    }
}

fn undo_can_be_done_again() {
    let directory = directory("box");
    let census = Census::take();
    undo(&directory);
    create(&directory, &["sleep", "100"]);
    // Somebody else has removed it, and a writer has died.
    fs::remove_file(directory.with_extension("marker")).unwrap();
    fs::write(directory.join(".tmp-abc"), "{").unwrap();
    let at_once = [(); 3].map(|()| lifecycle("undo", &directory).spawn());
    for undone in at_once {
        undone.wait().assert_code(0);
    }
    undo(&directory);
    census.assert_unchanged();
}

fn a_record_that_is_none_is_left_alone() {
    let directory = directory("box");
    let record = directory.join("container.json");
    let whole = {
        create(&directory, &["true"]);
        let text = fs::read_to_string(&record).unwrap();
        undo(&directory);
        text
    };
    let half = &whole[..whole.len() / 2];
    for text in [
        "",
        half,
        "{}",
        "null",
        "{\"ociVersion\": \"1.0.0\", \"pid\": 1}",
        "\0\u{feff}",
    ] {
        fs::write(&record, text).unwrap();
        for verb in ["undo", "start", "wait"] {
            let output = lifecycle(verb, &directory).output().assert_code(125);
            assert!(
                output.err().contains("is not the record of a container"),
                "{text}: {output}"
            );
        }
        let create = lifecycle("create", &directory).arg("true").output();
        create.assert_code(125);
        assert_eq!(fs::read_to_string(&record).unwrap(), text);
    }
    fs::remove_file(&record).unwrap();
    // A mechanism that nobody here knows: what is known is undone, and the rest is kept for who knows it.
    create(&directory, &["true"]);
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("\"marker\"", "\"other\"")).unwrap();
    let output = lifecycle("undo", &directory).output().assert_code(125);
    assert!(
        output.err().contains("nobody here knows how to undo other"),
        "{output}"
    );
    fs::write(&record, text).unwrap();
    undo(&directory);
}

fn a_record_of_another_process_or_boot_kills_nobody() {
    let directory = directory("box");
    let census = Census::take();
    let record = directory.join("container.json");
    for field in ["pid", "started", "boot"] {
        let pid = create(&directory, &["sleep", "100"]);
        // Start times are told in hundredths of a second, and no number is given again so soon.
        std::thread::sleep(Duration::from_millis(20));
        let bystander = Run::new("sleep").arg("100").spawn();
        let text = fs::read_to_string(&record).unwrap();
        let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
        value[field] = match field {
            // The number has been given to another.
            "pid" => bystander.pid().as_raw().into(),
            "started" => 1.into(),
            _ => "another".into(),
        };
        fs::write(&record, value.to_string()).unwrap();
        let output = lifecycle("wait", &directory).output().assert_code(0);
        assert!(!bystander.ends_within(Duration::ZERO), "{output}");
        undo(&directory);
        assert!(!bystander.ends_within(Duration::from_millis(20)));
        assert!(is_alive(pid));
        kill(pid, SIGKILL).unwrap();
        drop(bystander);
        census.assert_unchanged();
    }
}

fn undo_waits_for_a_creation() {
    let directory = directory("box");
    let census = Census::take();
    let creator = Run::new(example("namespaces-probe"))
        .args(["--ask", "slow", "--with-parent", "--create"])
        .arg(&directory)
        .args(["--", "sleep", "100"])
        .spawn();
    creator.expect("asked");
    undo(&directory);
    creator.wait().assert_code(137);
    census.assert_unchanged();
}

fn a_starter_that_was_not_told_has_not_started() {
    let directory = directory("box");
    let pid = create(&directory, &["sleep", "100"]);
    kill(pid, SIGSTOP).unwrap();
    let starter = lifecycle("start", &directory).spawn();
    // It has connected, and waits for an answer.
    eventually(|| {
        let call = fs::read_to_string(format!("/proc/{}/syscall", starter.pid())).ok()?;
        let number = call.split(' ').next()?.parse::<i64>().ok()?;
        (number == libc::SYS_recvmsg).then_some(())
    });
    starter.signal(libc::SIGKILL);
    starter.wait();
    kill(pid, SIGCONT).unwrap();
    start(&directory);
    undo(&directory);
}
