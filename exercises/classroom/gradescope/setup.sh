#!/bin/sh
# Run once, when Gradescope builds the autograder's image: a toolchain, and everything that grading builds.
set -eu
apt-get update
apt-get install -y busybox-static ca-certificates curl gcc git libc6-dev python3
curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal
. "$HOME/.cargo/env"
cd /autograder/source/drydock
# The exercises of images use what layers uses.
cargo build --package lab --package layers
