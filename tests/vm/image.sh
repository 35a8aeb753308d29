#!/bin/sh
# Makes the test VM's kernel and disk: image.sh OUT DEB_LINE...   (as root; cached by `cargo lab vm build`)
#
# OUT gets vmlinuz, root.ext4 and packages (what is installed, a name and a version a line). DEB_LINEs are
# sources.list lines of the mirror to use; without any, mmdebstrap takes Debian's own, with updates and security.
set -eu

export OUT=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
# A user's PATH lacks sbin, and it is the chroot's PATH as well.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Documentation and translations are a third of a minimal Debian, and nobody reads them here.
# Everything temporary is in OUT, so that whoever kills this can take it all away.
TMPDIR=$OUT mmdebstrap --quiet --mode=root --variant=minbase --format=null \
    --include=kmod \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="$here/customize.sh" \
    bookworm - "$@" >/dev/null
