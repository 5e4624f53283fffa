# The first process once the root is there: runs scripts for the tests outside. A line on the second serial port is
# the name of a folder in the shared folder: the script in it is run with "in" as its input, and its output and errors
# are left beside it; the answer is the name and the exit code. Several scripts may run at once.
# This is busybox's shell, and so are the scripts': it runs busybox's programs before those of the path. They are
# linked statically, and start four times as fast as others here.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
# Modules load when they are asked for, except br_netfilter: it is never asked for, only looked at.
modprobe br_netfilter

run() {
  cd "$SHARE/$1" || return
  sh ./script <in >out 2>err 3>&-
  echo "$1 $?" >&3
}

exec 3<>/dev/ttyS1
# Now that it stays open: the settings are lost when the last file is closed.
stty raw -echo <&3
echo ready >&3
while read -r name <&3 && [ "$name" != off ]; do
  run "$name" &
done
poweroff -f
