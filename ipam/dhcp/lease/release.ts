/** RELEASE: gives an address back. A server sends no answer to it. */
import { closeFile } from "../../../shared/system/file.ts";
import { isPassing, KernelError } from "../../../shared/system/kernel-error.ts";
import { randomBytes } from "../../../shared/system/random.ts";
import { sendDatagram, trySend } from "../../../shared/system/socket.ts";
import { Port, writeFrame } from "../wire/frame.ts";
import { MessageType, writeMessage } from "../wire/message.ts";
import { NoInterface, openSocket } from "./interface.ts";
import { type LeaseRecord, termsOf } from "./record.ts";
import { requestOf } from "./requests.ts";

export const randomNumber = (): number => new DataView(randomBytes(4).buffer).getUint32(0);

/** From the container's interface. Returns false if it is gone or down. */
function sendFromContainer(
  { place, serverMac }: LeaseRecord,
  source: number,
  target: number,
  bytes: Uint8Array,
): boolean {
  try {
    const socket = openSocket(place);
    const frame = writeFrame({ sourceMac: place.mac, targetMac: serverMac, source, target }, bytes);
    const sent = trySend(socket, frame);
    closeFile(socket);
    return sent >= 0;
  } catch (thrown) {
    // Without descriptors or memory it may succeed later.
    const isFinal = thrown instanceof KernelError && !isPassing(thrown.errno);
    if (thrown instanceof NoInterface || isFinal) return false;
    throw thrown;
  }
}

/**
 * Sends RELEASE from the container's interface. If that is gone, sends it from this process's namespace, where a server on the node or
 * behind its routes gets it. Returns false if neither was possible: the lease then ends by itself. Throws
 * SystemError if a repetition may succeed.
 */
export function sendRelease(record: LeaseRecord): boolean {
  if (record.lost !== undefined) return true;
  const { owner, client, place } = record;
  const terms = termsOf(record);
  const held = Number(terms.address.address.value);
  const server = Number(terms.server.value);
  const content = { type: MessageType.release, xid: randomNumber(), seconds: 0, server, held };
  const bytes = writeMessage(requestOf({ owner, client, mac: place.mac, broadcast: false }, content));
  return (
    sendFromContainer(record, held, server, bytes) ||
    sendDatagram(Port.client, { address: server, port: Port.server }, bytes)
  );
}
