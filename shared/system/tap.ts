/** Tap devices, whose frames a program reads and writes (Documentation/networking/tuntap.rst). netlink makes none. */
import { closeFile, OpenFlag, openFile } from "./file.ts";
import { call } from "./libc.ts";
import { encodeText } from "./text.ts";

export const TUN_FILE = "/dev/net/tun";

/** IFF_* (include/uapi/linux/if_tun.h). A program that attaches sets all but multiQueue again. */
const TapFlag = { tap: 0x2, multiQueue: 0x100, noPacketInformation: 0x1000, headers: 0x4000 } as const;

export interface NewTap {
  readonly name: string;
  /** Several queues, each with a descriptor of its own. */
  readonly multiQueue: boolean;
  /** User and group that may attach without CAP_NET_ADMIN; undefined: all may. */
  readonly owner: number | undefined;
  readonly group: number | undefined;
}

/** struct ifreq: the name, then the flags. */
function requestOf({ name, multiQueue }: NewTap): Uint8Array {
  const request = new Uint8Array(40);
  request.set(encodeText(name).subarray(0, 15));
  const { tap, noPacketInformation, headers } = TapFlag;
  const flags = tap | noPacketInformation | headers | (multiQueue ? TapFlag.multiQueue : 0);
  new DataView(request.buffer).setUint16(16, flags, true);
  return request;
}

/** Opens the file in this thread's network namespace, where its interface will be. Throws SystemError. */
export const openTun = (): number => openFile(TUN_FILE, OpenFlag.readWrite);

/**
 * Makes a tap device in the namespace in which the descriptor was opened, and closes the descriptor. The device stays by the last step: if the
 * process is killed before, it goes. Throws SystemError.
 */
export function makeTap(descriptor: number, wanted: NewTap): void {
  const { owner, group, name } = wanted;
  try {
    call("tunsetiff", name, descriptor, requestOf(wanted));
    if (owner !== undefined) call("tunsetowner", `${name} (user ${owner})`, descriptor, owner);
    if (group !== undefined) call("tunsetgroup", `${name} (group ${group})`, descriptor, group);
    call("tunsetpersist", name, descriptor, 1);
  } finally {
    closeFile(descriptor);
  }
}
