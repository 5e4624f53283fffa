/** What a line of strace(1) is about, without the numbers that differ from run to run. */

/** Digits and names made of hashes: addresses, indexes, interfaces of containers. */
const withoutNumbers = (text: string): string =>
  text.replace(/veth[0-9a-f]{11}/g, "veth#").replace(/(?<!ipv)[0-9a-f]*\d[0-9a-f]*/g, "#");

/** The messages of a netlink request or answer: type, flags and length of each, as far as the line shows them. */
const messagesOf = (line: string): string =>
  [...line.matchAll(/nlmsg_len=(\d+), nlmsg_type=([^,]*), nlmsg_flags=([^,]*)/g)]
    .map(([, length, type, flags]) => `${type} ${flags} ${length}`)
    .join("; ");

const answersOf = (line: string): string =>
  [...line.matchAll(/nlmsg_type=([^,]*)/g)].map(([, type]) => type).join("; ");

/**
 * Names the lines of one trace, in order: the system call, what its descriptor was opened for, and what it asks. Two lines
 * have one name if they differ in nothing but numbers.
 */
export const siteOf = () => {
  const opened = new Map<string, string>();
  return (syscall: string, line: string): string => {
    const descriptor = /^\w+\((\d+)/.exec(line)?.[1] ?? "";
    const object = opened.get(descriptor) ?? (descriptor === "" ? "" : `descriptor ${descriptor}`);
    const [, words = "", result = ""] = /^\w+\((.*)\) += (-?\d+(?: \w+)?)/.exec(line) ?? [];
    const arrived = result.startsWith("-") ? result : "";
    if (syscall === "openat" || syscall === "socket") {
      const site = `${syscall} ${withoutNumbers(words)} ${arrived}`;
      opened.set(result, site);
      return site;
    }
    if (syscall === "sendto") {
      const request = messagesOf(line);
      opened.set(`answer ${descriptor}`, request);
      return `sendto ${object}: ${request}`;
    }
    if (syscall === "recvfrom")
      return `recvfrom ${object}: ${answersOf(line)} to ${opened.get(`answer ${descriptor}`) ?? ""}`;
    const rest = descriptor === "" ? withoutNumbers(words) : "";
    const option = /^(setsockopt|setns|flock)$/.test(syscall) ? words.replace(/^\d+/, "") : "";
    return `${syscall} ${object} ${rest}${option} ${arrived}`;
  };
};

/** nf_tables numbers its messages in threes, new, get, delete (linux/netfilter/nf_tables.h); rtnetlink in fours, get third. */
const isGet = (type: string): boolean => {
  if (!type.startsWith("0x")) return /RTM_GET|NFT_MSG_GET|IPCTNL_MSG_CT_GET|IPSET_CMD_LIST/.test(type);
  const number = Number.parseInt(type, 16);
  return number < 0x100 ? number % 4 === 2 : number >> 8 === 10 && (number & 0xff) % 3 === 1;
};

/** Whether a system call of a plugin may change anything that outlives its process. */
export const isChange = ({ syscall, line }: { readonly syscall: string; readonly line: string }): boolean => {
  if (syscall === "openat") return /O_CREAT|O_TRUNC/.test(line);
  if (syscall === "sendto") return !isGet(/nlmsg_type=(\S+?),? /.exec(line)?.[1] ?? "");
  if (syscall === "ioctl") return line.includes("TUNSET");
  return /^(write|pwrite64|rename\w*|link\w*|symlink\w*|unlink\w*|mkdir\w*|rmdir|ftruncate|utimensat|fchmod\w*|v?fork|clone)$/.test(
    syscall,
  );
};

/** The removal of the lock on the attachment: the last thing that a call does, after it has printed its result. */
export const isLockRemoval = ({
  syscall,
  line,
}: {
  readonly syscall: string;
  readonly line: string;
}): boolean => syscall === "unlinkat" && line.includes("/locks/attachment-");
