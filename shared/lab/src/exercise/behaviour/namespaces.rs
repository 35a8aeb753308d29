//! What the program of step 01 must do.

use std::fs::File;
use std::process::Child;

use checks::{Check, Outcome, ensure, found, proc};

use super::subject::{ends_after, is_gone, run, share_mounts, sleeping, start, wait};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "runs",
        asks: "`run CMD` runs the command and returns its exit code",
        run: runs,
    },
    Check {
        id: "not-found",
        asks: "a command that is not there is 127, one that cannot be executed is 126",
        run: not_found,
    },
    Check {
        id: "signalled",
        asks: "a command that signal n has ended is 128 + n",
        run: signalled,
    },
    Check {
        id: "namespaces",
        asks: "the command has its own PID, mount, UTS, IPC, network and cgroup namespaces",
        run: namespaces,
    },
    Check {
        id: "own-proc",
        asks: "/proc shows the processes of the container",
        run: own_proc,
    },
    Check {
        id: "hostname",
        asks: "--hostname names the container, and not the host",
        run: hostname,
    },
    Check {
        id: "private-mounts",
        asks: "what the command mounts does not appear on the host",
        run: private_mounts,
    },
    Check {
        id: "user",
        asks: "--userns gives a user namespace in which it is root",
        run: user,
    },
    Check {
        id: "descriptors",
        asks: "the command inherits nothing but 0, 1 and 2",
        run: descriptors,
    },
    Check {
        id: "term",
        asks: "SIGTERM sent to the program ends the command",
        run: term,
    },
    Check {
        id: "parent-killed",
        asks: "the command does not outlive a program that is killed",
        run: parent_killed,
    },
    Check {
        id: "zombies",
        asks: "orphans in the container do not stay zombies",
        run: zombies,
    },
];

fn runs() -> Outcome {
    let ran = run(&["sh", "-c", "echo hello; exit 7"])?;
    ensure!(
        ran.out == "hello",
        "no-output",
        "`echo hello` in the container gave {:?}: {}",
        ran.out,
        ran.err
    );
    ensure!(
        ran.code == 7,
        "wrong-code",
        "the command exited with 7, and the program with {}",
        ran.code
    );
    Ok(())
}

fn not_found() -> Outcome {
    let ran = run(&["no-such-command"])?;
    ensure!(
        ran.code == 127,
        "not-found",
        "execve(2) says ENOENT for no-such-command, and the program exited with {}",
        ran.code
    );
    let ran = run(&["/etc/passwd"])?;
    ensure!(
        ran.code == 126,
        "not-executable",
        "execve(2) says EACCES for /etc/passwd, and the program exited with {}",
        ran.code
    );
    Ok(())
}

fn signalled() -> Outcome {
    let ran = run(&["sh", "-c", "kill -9 $$"])?;
    // A shell that is PID 1 cannot kill itself, and one that was not killed exits with 0.
    ensure!(
        ran.code == 137,
        "wrong-code",
        "the command was to be ended by signal 9, and the program exited with {}",
        ran.code
    );
    Ok(())
}

fn namespaces() -> Outcome {
    for kind in ["pid", "mnt", "uts", "ipc", "net", "cgroup"] {
        let inside = run(&["readlink", &format!("/proc/self/ns/{kind}")])?;
        let outside = proc::namespace("self", kind);
        ensure!(
            inside.out.starts_with(kind) && inside.out != outside,
            format!("shared-{kind}"),
            "the command's /proc/self/ns/{kind} is {}, and the host's is {outside}: it is in no namespace of its own {}",
            inside.out,
            inside.err
        );
    }
    Ok(())
}

fn own_proc() -> Outcome {
    let ran = run(&["sh", "-c", "echo $$; exec readlink /proc/self"])?;
    let numbers: Vec<&str> = ran.out.split_whitespace().collect();
    let &[itself, shown] = numbers.as_slice() else {
        return found!(
            "no-proc",
            "/proc/self cannot be read in the container: {}",
            ran.err
        );
    };
    ensure!(
        itself == shown,
        "stale-proc",
        "a process that is {itself} to itself is {shown} in /proc: that /proc was mounted in another PID namespace"
    );
    Ok(())
}

fn hostname() -> Outcome {
    let before = proc::text("/proc/sys/kernel/hostname");
    let ran = run(&["--hostname", "galley", "cat", "/proc/sys/kernel/hostname"])?;
    let after = proc::text("/proc/sys/kernel/hostname");
    ensure!(
        after == before,
        "host-renamed",
        "the host was called {before}, and now {after}"
    );
    ensure!(
        ran.out == "galley",
        "wrong-name",
        "the kernel's name of the container is {:?} {}",
        ran.out,
        ran.err
    );
    Ok(())
}

fn private_mounts() -> Outcome {
    share_mounts()?;
    let before = proc::mounts("self");
    let (child, pid) = sleeping(&[])?;
    let now = proc::mounts("self");
    let leaked = now.into_iter().find(|mount| !before.contains(mount));
    let shared = proc::mounts(pid).into_iter().find(|mount| {
        mount
            .propagation
            .iter()
            .any(|tag| tag.starts_with("shared:"))
    });
    end(child)?;
    if let Some(mount) = leaked {
        return found!(
            "leaked",
            "the container's own mount has appeared on the host: {:?}",
            mount.line
        );
    }
    if let Some(mount) = shared {
        return found!(
            "shared",
            "in the container, {} is still a peer of the host's mount ({}): what is mounted there appears on the host",
            mount.point.display(),
            mount.propagation.join(" ")
        );
    }
    Ok(())
}

/// Its output is not waited for: what it has started may keep that open.
fn end(mut child: Child) -> Outcome {
    child.kill()?;
    child.wait()?;
    Ok(())
}

fn user() -> Outcome {
    let ran = run(&[
        "--userns",
        "sh",
        "-c",
        "readlink /proc/self/ns/user; id -u; cat /proc/self/uid_map",
    ])?;
    let lines: Vec<&str> = ran.out.lines().collect();
    let outside = proc::namespace("self", "user");
    ensure!(
        lines
            .first()
            .is_some_and(|inside| inside.starts_with("user:") && *inside != outside),
        "shared-user",
        "with --userns, /proc/self/ns/user is {:?}, and the host's is {outside} {}",
        lines.first().unwrap_or(&""),
        ran.err
    );
    ensure!(
        lines.get(1) == Some(&"0"),
        "not-root",
        "with --userns the command is user {:?}",
        lines.get(1)
    );
    ensure!(
        lines.get(2).is_some_and(|map| map.trim().starts_with('0')),
        "no-map",
        "with --userns the uid_map is {:?}",
        lines.get(2)
    );
    Ok(())
}

fn descriptors() -> Outcome {
    kit::sys::descriptor::duplicate_onto(File::open("/etc")?, 7)?;
    let child = start(&["sh", "-c", "ls -l /proc/self/fd/"], &[])?;
    let ran = wait(child)?;
    ensure!(
        ran.out.contains("0 -> "),
        "no-proc",
        "/proc/self/fd cannot be listed in the container: {}",
        ran.err
    );
    ensure!(
        !ran.out.contains("/etc"),
        "leaked",
        "descriptor 7, a directory of the host, was open when the program started, and is open in the container: \
         through /proc/self/fd/7 it reaches all of the host"
    );
    Ok(())
}

fn term() -> Outcome {
    let (mut child, pid) = sleeping(&[])?;
    let code = ends_after(&mut child, libc::SIGTERM)?;
    ensure!(
        code.is_some() && is_gone(pid),
        "lost",
        "SIGTERM was sent to the program, and after two seconds the command is {}",
        proc::describe(pid)
    );
    ensure!(
        code == Some(143),
        "wrong-code",
        "SIGTERM, which is signal 15, ended the command, and the program exited with {}",
        code.unwrap_or_default()
    );
    Ok(())
}

fn parent_killed() -> Outcome {
    let (child, pid) = sleeping(&[])?;
    end(child)?;
    ensure!(
        is_gone(pid),
        "outlives",
        "the program was killed with SIGKILL, and two seconds later the command still runs, with nobody to wait for it: {}",
        proc::describe(pid)
    );
    Ok(())
}

fn zombies() -> Outcome {
    // The subshell leaves an orphan behind that ends at once.
    let script = "(sh -c 'exit 0' & sh -c 'exit 0' & true); sleep 0.3; grep -l '^State:.Z' /proc/[0-9]*/status; echo looked";
    let ran = run(&["sh", "-c", script])?;
    ensure!(
        ran.out.ends_with("looked"),
        "not-run",
        "the container did not run: {}",
        ran.err
    );
    ensure!(
        ran.out == "looked",
        "zombies",
        "two orphans have ended in the container, and PID 1 has not waited for them: {} say State: Z",
        ran.out.replace('\n', " and ")
    );
    Ok(())
}
