use super::*;

fn apply(changes: &[&str]) -> Process {
    let mut process = Process::default();
    for change in changes {
        change
            .parse::<Change>()
            .unwrap()
            .apply(&mut process)
            .unwrap();
    }
    process
}

#[test]
fn each_instruction_changes_its_field() {
    let process = apply(&[
        "CMD lost",
        "ENTRYPOINT [\"/bin/app\", \"-x\"]",
        "cmd echo $HOME",
        "ENV A=1 B='two words' C=a\\ b",
        "ENV A 3  4",
        "EXPOSE 80 53/UDP 8000-8001",
        "LABEL \"a.b\"=\"c d\"",
        "ONBUILD RUN make",
        "STOPSIGNAL SIGINT",
        "USER 1000:1000",
        "VOLUME [\"/data\"]",
        "VOLUME /a /b",
        "WORKDIR /srv",
        "WORKDIR x/./y",
    ]);
    assert_eq!(process.entrypoint.unwrap(), ["/bin/app", "-x"]);
    assert_eq!(process.cmd.unwrap(), ["/bin/sh", "-c", "echo $HOME"]);
    assert_eq!(process.env.unwrap(), ["A=3  4", "B=two words", "C=a b"]);
    let ports: Vec<String> = process.exposed_ports.unwrap().into_keys().collect();
    assert_eq!(ports, ["53/udp", "80/tcp", "8000/tcp", "8001/tcp"]);
    assert_eq!(process.labels.unwrap()["a.b"], "c d");
    assert_eq!(process.on_build.unwrap(), ["RUN make"]);
    assert_eq!(process.stop_signal, "SIGINT");
    assert_eq!(process.user, "1000:1000");
    let volumes: Vec<String> = process.volumes.unwrap().into_keys().collect();
    assert_eq!(volumes, ["/a", "/b", "/data"]);
    assert_eq!(process.working_dir, "/srv/x/y");
}

#[test]
fn what_is_no_list_is_for_the_shell() {
    let cmd = apply(&["CMD [ -f /x ] && y"]).cmd.unwrap();
    assert_eq!(cmd, ["/bin/sh", "-c", "[ -f /x ] && y"]);
}

#[test]
fn a_health_check_has_its_options() {
    let check = |change: &str| apply(&[change]).healthcheck.unwrap();
    let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
    assert_eq!(
        check(
            "HEALTHCHECK --interval=5m --timeout=1.5s --start-period=1m30s --retries=2 CMD curl x"
        ),
        HealthCheck {
            test: words(&["CMD-SHELL", "curl x"]),
            interval: 300_000_000_000,
            timeout: 1_500_000_000,
            start_period: 90_000_000_000,
            start_interval: 0,
            retries: 2,
        }
    );
    let test = check("HEALTHCHECK cmd [\"a\", \"b\"]").test;
    assert_eq!(test, words(&["CMD", "a", "b"]));
    let test = check("HEALTHCHECK CMD [\"/bin/sh\", \"-c\", \"x\"]").test;
    assert_eq!(test, words(&["CMD", "/bin/sh", "-c", "x"]));
    assert_eq!(check("HEALTHCHECK none").test, words(&["NONE"]));
}

#[test]
fn what_means_nothing_is_refused() {
    for wrong in [
        "",
        "CMD",
        "RUN make",
        "FROM x",
        "CMD [\"a\", 1]",
        "VOLUME \"\"",
        "VOLUME [\" \"]",
        "ONBUILD onbuild RUN x",
        "ONBUILD FROM x",
        "HEALTHCHECK x",
        "HEALTHCHECK CMD",
        "HEALTHCHECK NONE x",
        "HEALTHCHECK --interval=5 CMD x",
        "HEALTHCHECK --interval=-5s CMD x",
        "HEALTHCHECK --retries=x CMD x",
        "HEALTHCHECK --often CMD x",
        "ENV A",
        "ENV =1",
        "ENV A=1 B",
        "LABEL a='b",
        "EXPOSE x",
        "EXPOSE 0",
        "EXPOSE 70000",
        "EXPOSE 9-8",
        "EXPOSE 80/icmp",
        "LABEL a=b\\",
    ] {
        assert!(wrong.parse::<Change>().is_err(), "{wrong}");
    }
}

/// What is said of variables in Docker's reference of the Dockerfile, "Environment replacement".
#[test]
fn variables_have_the_values_of_the_image() {
    let process = apply(&[
        "ENV A=1",
        "ENV A=2 B=$A C=${NOPE:-def}",
        "ENV PATH /bin:${A}",
        "ENV D='$A' E=\\$A",
        "ENV $A=x",
        "LABEL a=\"$A $B\" $B=b",
        "EXPOSE ${A}0 $A-3/udp",
        "USER u$A",
        "STOPSIGNAL $A",
        "VOLUME [\"/v$A\"]",
        "VOLUME /w$B",
        "WORKDIR /$A",
        "WORKDIR $B",
        "CMD echo $A",
        "ONBUILD RUN $A",
        "HEALTHCHECK CMD $A",
    ]);
    assert_eq!(
        process.env.unwrap(),
        ["A=2", "B=1", "C=def", "PATH=/bin:2", "D=$A", "E=$A", "2=x"]
    );
    let labels: Vec<_> = process.labels.unwrap().into_iter().collect();
    assert_eq!(
        labels,
        [("1".into(), "b".into()), ("a".into(), "2 1".into())]
    );
    let ports: Vec<String> = process.exposed_ports.unwrap().into_keys().collect();
    assert_eq!(ports, ["2/udp", "20/tcp", "3/udp"]);
    assert_eq!(
        (process.user.as_str(), process.stop_signal.as_str()),
        ("u2", "2")
    );
    let volumes: Vec<String> = process.volumes.unwrap().into_keys().collect();
    assert_eq!(volumes, ["/v2", "/w1"]);
    assert_eq!(process.working_dir, "/2/1");
    assert_eq!(process.cmd.unwrap(), ["/bin/sh", "-c", "echo $A"]);
    assert_eq!(process.on_build.unwrap(), ["RUN $A"]);
    for wrong in [
        "EXPOSE $NOPE-x",
        "VOLUME $NOPE",
        "ENV A=${B%x}",
        "USER ${NOPE:?who}",
    ] {
        let change: Change = wrong.parse().unwrap();
        assert!(change.apply(&mut Process::default()).is_err(), "{wrong}");
    }
}
