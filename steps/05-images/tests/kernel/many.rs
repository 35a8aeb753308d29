//! A store with many images, and several processes at once.

use harness::{Need, Test, test};

use crate::made::{done, file_system, images, path, stored};

pub(crate) fn tests() -> Vec<Test> {
    let root = &[Need::Root];
    vec![
        test(
            "a_list_reads_one_file",
            &[Need::Root, Need::Program("strace")],
            a_list_reads_one_file,
        ),
        test("processes_at_once_agree", root, processes_at_once_agree),
    ]
}

/// However many images there are: no blob, no layer, no directory is opened.
fn a_list_reads_one_file() {
    let archive = file_system("one", "one");
    for number in 0..20 {
        let change = format!("LABEL number={number}");
        done(&["import", "-c", &change, &archive, &format!("app:{number}")]);
    }
    let trace = path("trace");
    let program = harness::bin("images");
    let output = harness::Run::new("strace")
        .args([
            "-f",
            "-e",
            "trace=open,openat,openat2,stat,newfstatat",
            "-o",
            &trace,
        ])
        .arg(program)
        .arg("ls")
        .output()
        .assert_code(0);
    assert_eq!(output.out().lines().count(), 21);
    let trace = std::fs::read_to_string(&trace).unwrap();
    let own: Vec<&str> = trace
        .lines()
        .filter(|line| line.contains(&path("data")))
        .collect();
    assert_eq!(own.len(), 1, "{own:#?}");
}

/// Loads, removals and collections, all at the same time: each is as if it were alone.
fn processes_at_once_agree() {
    let saved = path("saved.tar");
    done(&["import", &file_system("one", "one"), "app"]);
    done(&["save", "-o", &saved, "app"]);
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let (saved, data) = (saved.clone(), path("data"));
            let run =
                move |arguments: &[&str]| images(arguments).env("DRYDOCK_ROOT", &data).output();
            std::thread::spawn(move || {
                for _ in 0..5 {
                    run(&["load", "-i", &saved]).assert_code(0);
                    run(&["ls"]).assert_code(0);
                    // Another may have been faster.
                    if number % 2 == 0 {
                        run(&["rm", "-f", "app"]).assert_code(0);
                    } else {
                        run(&["prune", "-f"]).assert_code(0);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    done(&["load", "-i", &saved]);
    done(&["save", "-o", "/dev/null", "app"]);
    done(&["rm", "app"]);
    done(&["prune", "-f"]);
    assert_eq!(stored(), [""; 0]);
}
