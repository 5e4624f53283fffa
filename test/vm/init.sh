#!/bin/busybox sh
# The first process of the virtual machine, in the initramfs. It makes a root out of the machine that runs the tests
# (read-only, over 9p) with a tmpfs laid over it: everything can be written, and nothing of it reaches that machine.
/bin/busybox --install -s /bin
set -a
. /settings
set +a

fail() {
  echo "init: $*"
  poweroff -f
}

mkdir -p /dev /lower /upper /root
mount -t devtmpfs dev /dev
for module in /modules/*; do
  insmod "$module" || fail "cannot load $module"
done
options=trans=virtio,version=9p2000.L,msize=262144
mount -t 9p -o "$options,cache=loose,ro" hostroot /lower || fail "cannot mount the root"
mount -t tmpfs upper /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work root /root || fail "no overlay"
# Only what the tests hand back goes to the machine outside; without a cache, so that it is there at once.
mkdir -p "/root$SHARE"
mount -t 9p -o "$options,cache=none" share "/root$SHARE" || fail "cannot mount the shared folder"
mkdir -p /root/lib/modules
ln -s "$MODULES" "/root/lib/modules/$RELEASE"
mount --move /dev /root/dev
# Before anything runs there: until then /proc is that of the machine outside, and speaks of its processes.
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount -t tmpfs run /root/run
exec switch_root /root /bin/busybox sh "$AGENT"
