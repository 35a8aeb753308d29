//! Archives both ways, against the programs that others use.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Need, Run, Test, test};

use crate::common::{ROOT, fresh, layers, packed, shell, unpacked};
use crate::tree::{assert_same, make};

pub(crate) fn tests() -> Vec<Test> {
    let umoci = [Need::Root, Need::Program("umoci")];
    let debian = [
        Need::Root,
        Need::Program("mmdebstrap"),
        Need::Mirror,
        Need::Everything,
    ];
    vec![
        test(
            "a_tree_comes_back_as_it_was",
            &ROOT,
            a_tree_comes_back_as_it_was,
        )
        .also_in_vm(),
        test(
            "the_same_tree_has_the_same_digest",
            &ROOT,
            the_same_tree_has_the_same_digest,
        ),
        test(
            "gnu_tar_unpacks_what_we_pack",
            &ROOT,
            gnu_tar_unpacks_what_we_pack,
        ),
        test(
            "we_unpack_what_gnu_tar_packs",
            &ROOT,
            we_unpack_what_gnu_tar_packs,
        ),
        test(
            "umoci_unpacks_what_we_pack",
            &umoci,
            umoci_unpacks_what_we_pack,
        ),
        test(
            "we_unpack_what_umoci_packs",
            &umoci,
            we_unpack_what_umoci_packs,
        ),
        test(
            "compressed_archives_are_the_same",
            &ROOT,
            compressed_archives_are_the_same,
        ),
        test(
            "a_debian_root_goes_both_ways",
            &debian,
            a_debian_root_goes_both_ways,
        ),
    ]
}

fn whole() -> PathBuf {
    let tree = fresh("tree");
    make(&tree);
    tree
}

fn a_tree_comes_back_as_it_was() {
    let tree = whole();
    let archive = packed(&tree);
    let again = harness::directory().join("again");
    unpacked(&archive, &again);
    assert_same(&tree, &again);
    assert!(packed(&again) == archive);
}

/// Made in another order, at another place: the file system lists it differently.
fn the_same_tree_has_the_same_digest() {
    let tree = whole();
    let other = fresh("other");
    shell(
        &other,
        "for i in $(seq 500); do : > junk$i; done; (cd ../tree && tar --xattrs --xattrs-include=* -cf - .) | tar --xattrs --xattrs-include=* -xpf -; rm junk*; touch -r ../tree .",
    );
    assert_same(&tree, &other);
    assert!(packed(&tree) == packed(&other));
}

fn gnu_tar_unpacks_what_we_pack() {
    let tree = whole();
    fs::write(harness::directory().join("packed.tar"), packed(&tree)).unwrap();
    let out = fresh("out");
    // What it says of times before 1970, and of those to come, is no complaint about the archive.
    shell(
        &out,
        "tar --numeric-owner --xattrs --xattrs-include='*' -xpf ../packed.tar",
    );
    assert_same(&tree, &out);
}

fn we_unpack_what_gnu_tar_packs() {
    let tree = whole();
    for (name, options) in [
        ("posix", "--format=posix"),
        ("posix-sparse", "--format=posix --sparse"),
        (
            "posix-sparse-0.0",
            "--format=posix --sparse --sparse-version=0.0",
        ),
        (
            "posix-sparse-0.1",
            "--format=posix --sparse --sparse-version=0.1",
        ),
    ] {
        shell(
            &tree,
            &format!(
                "tar {options} --numeric-owner --xattrs --xattrs-include='*' -cf ../{name}.tar ."
            ),
        );
        let out = harness::directory().join(name);
        unpacked(&fs::read(format!("{}.tar", out.display())).unwrap(), &out);
        assert_same(&tree, &out);
    }
    // GNU's own format has whole seconds and no attributes: so GNU tar is the measure.
    shell(
        &tree,
        "tar --format=gnu --sparse --numeric-owner -cf ../gnu.tar .",
    );
    let theirs = fresh("theirs");
    shell(&theirs, "tar --numeric-owner -xpf ../gnu.tar");
    let ours = harness::directory().join("gnu");
    unpacked(
        &fs::read(harness::directory().join("gnu.tar")).unwrap(),
        &ours,
    );
    assert_same(&theirs, &ours);
}

/// Two layers, the second with whiteouts: what umoci makes of them is what overlayfs shows.
fn umoci_unpacks_what_we_pack() {
    let here = harness::directory();
    let base = whole();
    let upper = fresh("upper");
    fs::create_dir(here.join("work")).unwrap();
    // In a mount namespace of its own, which takes the mount with it.
    Run::new("unshare")
        .args(["-m", "sh", "-euc"])
        .arg(
            "mkdir merged; mount -t overlay overlay -o index=off,redirect_dir=off,metacopy=off,lowerdir=tree,upperdir=upper,workdir=work merged
             rm merged/empty merged/link; rm -r merged/dir/sub; mkdir merged/dir/sub; echo new > merged/dir/sub/new
             echo more >> merged/dir/file; chmod 600 merged/null; mkdir -p merged/a/b; touch -d @1 merged/a/b merged/a",
        )
        .current_dir(&here)
        .output()
        .assert_code(0);
    fs::write(here.join("base.tar"), packed(&base)).unwrap();
    fs::write(here.join("upper.tar"), packed(&upper)).unwrap();
    shell(
        &here,
        "umoci init --layout image; umoci new --image image:t
         umoci raw add-layer --image image:t base.tar; umoci raw add-layer --image image:t upper.tar
         umoci unpack --image image:t bundle >/dev/null",
    );
    let seen = fresh("seen");
    Run::new("unshare")
        .args(["-m", "sh", "-euc"])
        .arg("mkdir -p merged; mount -t overlay overlay -o lowerdir=upper:tree merged; cd merged; tar --xattrs --xattrs-include='*' -cf - . | tar --xattrs --xattrs-include='*' -xpf - -C ../seen")
        .current_dir(&here)
        .output()
        .assert_code(0);
    assert_same_but_for_umocis_habits(&here.join("bundle/rootfs"), &seen);
}

/// umoci leaves out attributes of the namespace `trusted`, and packs whole seconds.
#[track_caller]
fn assert_same_but_for_umocis_habits(theirs: &Path, ours: &Path) {
    let shown = |path: &Path| {
        let lines = crate::tree::describe(path).into_iter();
        lines
            .map(|(name, line)| (name, in_umocis_words(&line)))
            .collect::<Vec<_>>()
    };
    for (their, our) in shown(theirs).into_iter().zip(shown(ours)) {
        assert_eq!(their, our);
    }
}

fn in_umocis_words(line: &str) -> String {
    let words = line.split(' ').enumerate().map(|(at, word)| match at {
        2 => word.split_once('.').map_or(word, |(seconds, _)| seconds),
        _ => word,
    });
    let line = words.collect::<Vec<_>>().join(" ");
    line.replace("\"trusted.mark\": [49]", "")
}

fn we_unpack_what_umoci_packs() {
    let here = harness::directory();
    let tree = whole();
    shell(
        &here,
        "umoci init --layout image; umoci new --image image:t; umoci unpack --image image:t bundle >/dev/null
         tar -C tree --xattrs --xattrs-include='*' -cf - . | tar -C bundle/rootfs --xattrs --xattrs-include='*' -xpf -
         umoci repack --image image:t bundle >/dev/null; ls -S image/blobs/sha256 | head -1 > name",
    );
    let name = fs::read_to_string(here.join("name")).unwrap();
    let blob = fs::read(here.join("image/blobs/sha256").join(name.trim())).unwrap();
    let out = here.join("out");
    unpacked(&blob, &out);
    assert_same_but_for_umocis_habits(&out, &tree);
}

fn compressed_archives_are_the_same() {
    let here = harness::directory();
    let tree = whole();
    let archive = packed(&tree);
    fs::write(here.join("plain.tar"), &archive).unwrap();
    shell(&here, "gzip -k plain.tar");
    let digest = unpacked(&archive, &here.join("plain"));
    for (name, bytes) in [
        ("gzip", fs::read(here.join("plain.tar.gz")).unwrap()),
        ("zstd", zstd::encode_all(&archive[..], 3).unwrap()),
    ] {
        assert_eq!(unpacked(&bytes, &here.join(name)), digest, "{name}");
        assert_same(&here.join("plain"), &here.join(name));
    }
    // The digest is that of the archive, whatever way it came.
    let expected = layers::digest::Digest::of(&archive);
    assert_eq!(digest, expected.to_string());
}

fn a_debian_root_goes_both_ways() {
    let here = harness::directory();
    let limit = Duration::from_secs(600);
    Run::new("mmdebstrap")
        .args([
            "--variant=essential",
            "--mode=root",
            // Nobody wants to find it after a crash.
            "--dpkgopt=force-unsafe-io",
            "bookworm",
            "debian.tar",
        ])
        .current_dir(&here)
        .timeout(limit)
        .output()
        .assert_code(0);
    let theirs = fresh("theirs");
    let tar = "tar --numeric-owner --xattrs --xattrs-include='*' -xpf ../debian.tar";
    Run::new("sh")
        .args(["-euc", tar])
        .current_dir(&theirs)
        .timeout(limit)
        .output()
        .assert_code(0);
    let (ours, again) = (here.join("ours"), here.join("again"));
    let unpack = |from: &str, to: &Path| {
        let run = layers(["unpack"]).arg(to).arg(here.join(from));
        run.timeout(limit).output().assert_code(0);
    };
    unpack("debian.tar", &ours);
    assert_same(&theirs, &ours);
    let pack = |from: &Path| {
        layers(["pack"])
            .arg(from)
            .timeout(limit)
            .output()
            .assert_code(0)
            .stdout
    };
    let archive = pack(&ours);
    fs::write(here.join("ours.tar"), &archive).unwrap();
    unpack("ours.tar", &again);
    assert_same(&ours, &again);
    assert!(pack(&again) == archive);
}
