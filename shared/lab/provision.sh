#!/bin/sh
# Installs what Drydock needs from Debian 12's own packages, and says what before it does.
#
#   provision.sh SET...           install what is missing of these sets
#   provision.sh --missing SET... print what is missing, install nothing; fails if anything is
#   provision.sh --list SET...    print the packages of these sets, whether installed or not
#
# It is the only list of packages there is: `cargo lab up` and `cargo lab test` run it, the test VM's image is made by
# running it inside, and so is the Vagrant box. Safe to repeat; with nothing missing it takes milliseconds and touches
# no network.
set -eu

repo=$(cd "$(dirname "$0")/../.." && pwd)

sets='  run     what the labs run on: a busybox for the default root file system
  test    what the tests look at the kernel with, a registry and another client of it
  peers   what the tests on the host are held against: Docker
  bench   what `cargo lab bench` measures with, and against
  vm      QEMU and the tools that make the test VM'"'"'s image
  box     Vagrant, whose own check the Vagrantfile must pass
  build   a C compiler and the headers for Rust programs, and what fetches a toolchain
  rust    a Rust toolchain for the user who calls this, through rustup, unless there is one that is new enough
  login   for a VM of its own: whoever logs in stands in the lab, and what is built stays in the VM'

usage() {
    printf 'usage: provision.sh [--list | --missing] SET...\n%s\n' "$sets"
}

fail() {
    printf 'provision: %s\n' "$1" >&2
    exit 1
}

# The packages of one set, one a line.
packages() {
    case $1 in
    run) echo busybox-static ;;
    test) printf '%s\n' docker-registry iproute2 mmdebstrap skopeo strace umoci ;;
    bench) printf '%s\n' crun docker-registry docker.io hyperfine podman runc skopeo time umoci ;;
    peers) echo docker.io ;;
    vm) printf '%s\n' e2fsprogs mmdebstrap "$(qemu)" ;;
    box) echo vagrant ;;
    build) printf '%s\n' ca-certificates curl gcc libc6-dev ;;
    rust | login) ;;
    *) fail "there is no set called $1; the sets are run, test, peers, bench, vm, box, build, rust and login" ;;
    esac
}

# The emulator of the machine we are on: the VM is of the same kind, so that it runs the same binaries.
qemu() {
    case $(uname -m) in
    x86_64) echo qemu-system-x86 ;;
    aarch64) echo qemu-system-arm ;;
    *) fail "the VM is made for x86_64 and aarch64, and this is $(uname -m)" ;;
    esac
}

list() {
    for set in "$@"; do
        packages "$set" || exit
    done
}

missing() {
    for package in $(list "$@"); do
        # "installed" and nothing else: a removed package that left its configuration is known to dpkg as well.
        status=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null) || status=
        [ "$status" = installed ] || echo "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo -- "$@"
    else
        fail "to install packages takes root, and there is no sudo: run this as root, or install by hand: $wanted"
    fi
}

install_missing() {
    wanted=$(missing "$@" | tr '\n' ' ')
    wanted=${wanted% }
    [ -n "$wanted" ] || return 0
    printf 'provision: installing from Debian: %s\n' "$wanted"
    keep_quiet
    # The lock is waited for: on a fresh machine unattended-upgrades often holds it for the first minutes.
    as_root apt-get --quiet=2 -o DPkg::Lock::Timeout=300 update
    # Without recommends: QEMU's and Vagrant's are desktops and hypervisors. $wanted is split into words on purpose.
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        install --yes --no-install-recommends $wanted >/dev/null
}

# Debian starts what it installs: a registry for whoever reaches this machine's port 5000, a Docker daemon that changes
# the packet filter. The tests and the measurements start their own.
keep_quiet() {
    command -v systemctl >/dev/null || return 0
    case $wanted in *docker-registry*) as_root systemctl --quiet mask docker-registry.service ;; esac
    case $wanted in
    *docker.io*) as_root systemctl --quiet mask docker.service docker.socket containerd.service ;;
    esac
}

# Debian 12's rustc is older than what the workspace asks for, so this one thing does not come from Debian.
install_rust() {
    PATH=$HOME/.cargo/bin:$PATH
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$repo/Cargo.toml")
    has=$(rustc --version 2>/dev/null | cut -d ' ' -f 2) || has=
    oldest=$(printf '%s\n%s\n' "$wanted" "$has" | sort -V | head -n 1)
    [ "$oldest" != "$wanted" ] || return 0
    printf 'provision: installing a Rust toolchain in %s/.cargo with the installer of https://rustup.rs\n' "$HOME"
    curl --proto '=https' --tlsv1.2 --silent --show-error --fail https://sh.rustup.rs |
        sh -s -- -y --quiet --profile minimal --component clippy,rustfmt
}

# A folder that is shared with macOS or Windows lacks what cargo's target directory needs (locks, modes, speed).
set_login() {
    as_root tee /etc/profile.d/drydock.sh >/dev/null <<END
export PATH="\$HOME/.cargo/bin:\$PATH" CARGO_TARGET_DIR="\$HOME/target"
cd '$repo'
END
}

mode=install
case ${1-} in
--list | --missing)
    mode=${1#--}
    shift
    ;;
--help | -h)
    usage
    exit 0
    ;;
esac
[ $# -gt 0 ] || {
    usage >&2
    exit 2
}
# A misspelt set is refused before anything is installed (a failure inside a pipe below would go unseen).
list "$@" >/dev/null
command -v apt-get >/dev/null || [ "$mode" = list ] ||
    fail "this machine has no apt-get; Drydock is tested on Debian 12: use the VM (see book/src/vm.md), or install by hand: $(list "$@" | tr '\n' ' ')"

case $mode in
list) list "$@" ;;
missing)
    left=$(missing "$@")
    [ -z "$left" ] || {
        printf '%s\n' "$left"
        exit 1
    }
    ;;
install)
    install_missing "$@"
    for set in "$@"; do
        case $set in
        rust) install_rust ;;
        login) set_login ;;
        esac
    done
    ;;
esac
