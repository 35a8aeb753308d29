#!/bin/sh
# Turns a minimal Debian into the test VM's disk: customize.sh ROOT   (mmdebstrap runs it, see image.sh)
set -eu

root=$1
here=$(cd "$(dirname "$0")" && pwd)

# The script that provisions a learner's machine, inside a Debian that has nothing yet: so it is tested here.
cp "$here/../../shared/lab/provision.sh" "$root/usr/local/sbin/provision"
chroot "$root" sh /usr/local/sbin/provision run test
chroot "$root" sh /usr/local/sbin/provision --missing run test

# The kernel of Debian's cloud images is small, and has NVMe, ext4 and the serial port built in: it reaches its root
# without an initramfs. It is unpacked, not installed, because its installation would make one, and a boot loader.
case $(uname -m) in
x86_64) kernel=linux-image-cloud-amd64 ;;
aarch64) kernel=linux-image-cloud-arm64 ;;
esac
package=$(chroot "$root" apt-cache depends "$kernel" | sed -n 's/^ *Depends: //p' | head -n 1)
version=${package#linux-image-}
chroot "$root" sh -c "cd /tmp && apt-get --quiet=2 -o APT::Sandbox::User=root download $package"
# Beside the root, not over it: the package brings a directory /lib, which would replace the link to usr/lib.
dpkg-deb --extract "$root/tmp/$package"_*.deb "$root/tmp/kernel"
mv "$root/tmp/kernel/lib/modules" "$root/usr/lib/modules"
mv "$root/tmp/kernel/boot/vmlinuz-$version" "$OUT/vmlinuz"
rm -r "$root"/tmp/*
chroot "$root" depmod "$version"

install -m 755 "$here/stub" "$root/sbin/drydock-init"
mkdir "$root/lab"
echo drydock >"$root/etc/hostname"
printf '127.0.0.1 localhost drydock\n::1 localhost\n' >"$root/etc/hosts"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
chroot "$root" dpkg-query --show >"$OUT/packages"

# Sparse: 4 GiB for the tests to fill, of which the host stores what is used.
truncate --size 4G "$OUT/root.ext4"
mkdir "$OUT/bare"
# Through a bind mount of its own, which does not show what mmdebstrap has mounted in the root (/proc, /sys, /dev).
unshare --mount sh -euc '
    mount --bind "$1" "$OUT/bare"
    mke2fs -q -t ext4 -L root -m 0 -E lazy_itable_init=1,lazy_journal_init=1 -d "$OUT/bare" "$OUT/root.ext4"
' sh "$root"
rmdir "$OUT/bare"
