//! `lab map`, against the kernel's own files, and its differences.

use std::fs;
use std::process::{Command, ExitCode};

use harness::{Need, Output, Run, bin, directory, test};
use serde_json::Value;

const ROOT: &[Need] = &[Need::Root, Need::Program("unshare")];

fn main() -> ExitCode {
    let network = &[
        Need::Root,
        Need::Program("unshare"),
        Need::Program("ip"),
        Need::Program("nsenter"),
    ];
    harness::run(
        "lab map",
        vec![
            test(
                "the_map_of_a_process_is_what_proc_says",
                &[Need::Root],
                as_proc,
            )
            .also_in_vm(),
            test(
                "a_namespace_has_its_owner_and_its_parent",
                &[Need::Root, Need::UserNamespaces, Need::Program("unshare")],
                relations,
            ),
            test(
                "a_mount_and_its_propagation_are_a_difference",
                ROOT,
                mount_difference,
            ),
            test("nothing_changed_is_said_so", ROOT, no_difference),
            test(
                "a_veth_knows_its_peer_in_the_other_namespace",
                network,
                veth,
            ),
            test("a_picture_is_text_that_names_what_there_is", ROOT, picture),
            test(
                "an_ordinary_user_sees_what_he_may_and_is_told_the_rest",
                &[Need::Root],
                unprivileged,
            ),
            test("only_the_parts_that_are_asked_for", &[], parts),
            test("bad_questions_get_one_clear_answer", &[], refusals),
            test("the_schema_is_of_what_is_written", &[], schema),
        ],
    )
}

fn map(arguments: &[&str]) -> Output {
    Run::new(bin("lab")).arg("map").args(arguments).output()
}

fn json(arguments: &[&str]) -> Value {
    let output = map(&[arguments, &["--json"]].concat()).assert_code(0);
    serde_json::from_str(&output.out()).unwrap()
}

/// A script in new namespaces, with `lab` as `$lab`.
fn inside(unshare: &[&str], script: &str) -> Output {
    Run::new("unshare")
        .args(unshare)
        .args(["sh", "-ec", script])
        .env("lab", bin("lab"))
        .env("dir", directory())
        .env("NO_COLOR", "1")
        .output()
        .assert_code(0)
}

fn as_proc() {
    let mut sleep = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = sleep.id();
    let map = json(&[&pid.to_string()]);
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let namespace = fs::read_link(format!("/proc/{pid}/ns/uts")).unwrap();
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    let points = |text: &str| {
        text.lines()
            .map(|line| line.split(' ').nth(4).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let shown: Vec<_> = map["mounts"][0]["mounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mount| mount["point"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(shown, points(&mounts));
    let is_there = |line: &str| {
        let path = line.splitn(3, ':').nth(2).unwrap();
        map["cgroups"].as_array().unwrap().iter().any(|group| {
            let processes = group["processes"].as_array().unwrap();
            group["path"] == path && processes.contains(&Value::from(pid))
        })
    };
    assert!(cgroups.lines().all(is_there), "{:#}", map["cgroups"]);
    let uts = map["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .find(|namespace| namespace["kind"] == "uts")
        .unwrap();
    assert_eq!(namespace.to_str().unwrap(), format!("uts:[{}]", uts["id"]));
}

fn relations() {
    // The process 1 inside, seen from outside.
    let mut unshare = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--pid",
            "--mount",
            "--fork",
            "--kill-child",
            "sleep",
            "60",
        ])
        .spawn()
        .unwrap();
    let children = format!("/proc/{0}/task/{0}/children", unshare.id());
    let child = loop {
        let text = fs::read_to_string(&children).unwrap();
        // It is there when it has its new program: before, it may not have its namespaces.
        if let Ok(pid) = text.trim().parse::<u32>()
            && fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
        {
            break pid;
        }
        std::thread::yield_now();
    };
    let map = json(&[&child.to_string()]);
    let text = self::map(&[&child.to_string()]).assert_code(0).out();
    unshare.kill().unwrap();
    unshare.wait().unwrap();
    let of = |kind: &str| {
        map["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .find(|namespace| namespace["kind"] == kind)
            .unwrap()
            .clone()
    };
    let (user, pid, mnt) = (of("user"), of("pid"), of("mnt"));
    assert_eq!((&pid["owner"], &mnt["owner"]), (&user["id"], &user["id"]));
    assert!(pid["parent"].is_u64() && user["parent"].is_u64());
    assert_ne!(pid["parent"], pid["id"]);
    assert!(
        text.contains(&format!("{child} sleep (pid 1 inside)")),
        "{text}"
    );
    let owned = text.lines().find(|line| line.contains("─ mnt:[")).unwrap();
    assert!(
        owned.contains(&mnt["id"].to_string()),
        "it stands below its owner: {text}"
    );
}

fn mount_difference() {
    let output = inside(
        &["--mount"],
        "mkdir $dir/m $dir/n; mount -t tmpfs gone $dir/n; $lab map --save $dir/before.json >/dev/null
         mount -t tmpfs fresh $dir/m; umount $dir/n; mount --make-shared /proc
         $lab map --save $dir/after.json >/dev/null; $lab map --diff $dir/before.json $dir/after.json
         echo; $lab map --before $dir/before.json",
    );
    let text = output.out();
    let place = directory();
    let has = |mark: char, parts: &[&str]| {
        let found = text
            .lines()
            .filter(|line| line.starts_with(mark) && parts.iter().all(|part| line.contains(part)));
        // Once from the two files, and once against what is now.
        found.count() == 2
    };
    assert!(
        has('+', &[&format!("{}/m", place.display()), "tmpfs fresh"]),
        "{text}"
    );
    assert!(
        has('-', &[&format!("{}/n", place.display()), "tmpfs gone"]),
        "{text}"
    );
    assert!(has('~', &["/proc  proc", "shared:"]), "{text}");
    assert!(
        !text.contains("─ /dev"),
        "what is the same is left out: {text}"
    );
}

fn parts() {
    let titles = |arguments: &[&str]| {
        let text = map(arguments).assert_code(0).out();
        let mut words: Vec<_> = text
            .lines()
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            .collect();
        words.retain(|word| !word.is_empty() && word != "Not");
        words
    };
    assert_eq!(titles(&["--part", "cgroups"]), ["Cgroups"]);
    let two = ["--part", "links", "--part", "namespaces"];
    assert_eq!(titles(&two), ["Namespaces", "Links"]);
    assert_eq!(titles(&[]), ["Namespaces", "Mounts", "Cgroups", "Links"]);
}

fn no_difference() {
    let output = inside(
        &["--mount"],
        "$lab map --save $dir/a.json >/dev/null; cp $dir/a.json $dir/b.json; $lab map --diff $dir/a.json $dir/b.json",
    );
    assert_eq!(output.out(), "Nothing has changed.\n");
}

fn veth() {
    let output = inside(
        &["--net"],
        "unshare --net sleep 60 & peer=$!
         until [ \"$(cat /proc/$peer/comm)\" = sleep ]; do :; done
         ip link add out0 type veth peer name in0 netns $peer
         ip link add br0 type bridge; ip link set out0 master br0 up
         ip addr add 10.9.8.1/24 dev br0; nsenter --net=/proc/$peer/ns/net ip addr add 10.9.8.2/24 dev in0
         $lab map --all --json; kill $peer",
    );
    let map: Value = serde_json::from_str(&output.out()).unwrap();
    let links: Vec<(&Value, &Value)> = map["networks"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|network| {
            network["links"]
                .as_array()
                .unwrap()
                .iter()
                .map(move |link| (&network["namespace"], link))
        })
        .collect();
    let find = |name: &str| *links.iter().find(|(_, link)| link["name"] == name).unwrap();
    let ((outside, out), (inside, inner)) = (find("out0"), find("in0"));
    assert_ne!(outside, inside);
    assert_eq!(
        (&out["peer"]["name"], &out["peer"]["namespace"]),
        (&inner["name"], inside)
    );
    assert_eq!(
        (&inner["peer"]["name"], &inner["peer"]["namespace"]),
        (&out["name"], outside)
    );
    assert_eq!(
        (
            out["kind"].as_str(),
            out["bridge"].as_str(),
            out["up"].as_bool()
        ),
        (Some("veth"), Some("br0"), Some(true))
    );
    assert_eq!(inner["addresses"][0], "10.9.8.2/24");
}

fn picture() {
    let output = inside(
        &["--mount"],
        "mkdir \"$dir/<b>&\"; mount -t tmpfs odd \"$dir/<b>&\"
         $lab map --svg $dir/m.svg; cat $dir/m.svg",
    );
    let text = output.out();
    assert!(text.contains("<svg xmlns=") && text.trim_end().ends_with("</svg>"));
    assert!(
        text.contains("&lt;b&gt;&amp;") && !text.contains("<b>"),
        "names are text"
    );
    assert!(text.contains("prefers-color-scheme: dark"));
    assert!(
        !text.contains("href") && !text.contains("url("),
        "it asks for nothing"
    );
}

fn unprivileged() {
    let output = Run::new(bin("lab"))
        .args(["map", "--all"])
        .user(65534)
        .output()
        .assert_code(0);
    assert!(
        output.out().contains("Mounts of mnt:["),
        "its own are there: {}",
        output.out()
    );
    assert!(
        output.out().contains("Not seen: the namespaces of "),
        "{}",
        output.out()
    );
    let other = Run::new(bin("lab")).args(["map", "1"]).user(65534).output();
    assert!(other.err().contains("as root"), "{}", other.err());
}

fn refusals() {
    let broken = directory().join("broken.json");
    fs::write(&broken, "{\"process\": tru").unwrap();
    let broken = broken.to_str().unwrap();
    for (arguments, part) in [
        (&["2147483647"][..], "there is no process 2147483647"),
        (&["0"], "0 is not in 1"),
        (&["--before", "/no/such/file"], "cannot read /no/such/file"),
        (&["--before", broken], "is not a map"),
        (&["--diff", broken], "2 values required"),
        (&["--all", "1"], "cannot be used with"),
        (&["--svg", "/no/such/directory/x.svg"], "/no/such/directory"),
    ] {
        let output = map(arguments);
        assert_ne!(output.code, Some(0));
        assert!(
            output.err().contains(part),
            "{arguments:?}: {}",
            output.err()
        );
    }
}

fn schema() {
    let schema: Value = serde_json::from_str(&map(&["--schema"]).assert_code(0).out()).unwrap();
    let written = json(&[]);
    let described = schema["properties"].as_object().unwrap();
    let keys: Vec<_> = written.as_object().unwrap().keys().collect();
    assert_eq!(keys, described.keys().collect::<Vec<_>>());
}
