/** The error of a refused netlink request. */
import { describeErrno } from "../system/errno.ts";

/** The kernel refused a request. */
export class NetlinkError extends Error {
  readonly errno: number;

  constructor(purpose: string, errno: number, explanation: string) {
    const kernel = explanation === "" ? "" : ` (kernel: ${explanation})`;
    super(`could not ${purpose}: ${describeErrno(errno)}${kernel}`);
    this.name = "NetlinkError";
    this.errno = errno;
  }
}
