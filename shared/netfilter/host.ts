/** The netfilter socket in the namespace the plugin was started in, which is the host's. */
import { NetlinkConnection, Protocol } from "../netlink/connection.ts";

/** Gives `work` a socket, and closes it. */
export function withNetfilter<Value>(work: (connection: NetlinkConnection) => Value): Value {
  const connection = new NetlinkConnection(Protocol.netfilter);
  try {
    return work(connection);
  } finally {
    connection.close();
  }
}

/**
 * The same for work that removes nf_tables objects; the socket stays open until the process ends, which is soon. The
 * kernel frees what was removed some 15 ms later, and closing a socket waits for that (nft_rcv_nl_event in
 * nf_tables_api.c): so the caller's next steps go on meanwhile.
 */
export function withNetfilterLeftOpen(work: (connection: NetlinkConnection) => void): void {
  work(new NetlinkConnection(Protocol.netfilter));
}
