import { capture } from "../../../test/helpers/capture.ts";
import { decapsulate, innerAddresses } from "../../../test/helpers/vxlan-packets.ts";
import { detail, Failure, step, success } from "../screen.ts";
import type { DemoPod } from "./pods.ts";

const mac = (bytes: Buffer) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");

/** Captures a ping from node to node on the underlay and explains its parts. */
export async function showPacket(pods: readonly DemoPod[]): Promise<void> {
  const from = pods[0];
  const to = pods[2];
  if (from === undefined || to === undefined) throw new Failure("pods on two nodes are needed");
  step(`Capture a ping from ${from.label} to ${to.label} on the underlay, and decode it`);
  const frames = await capture(from.node, "eth0", "udp port 4789", () => from.expectPing(to));
  const packets = frames.map(decapsulate);
  const packet = packets.find((each) => innerAddresses(each)[1] === to.address);
  if (packet === undefined) throw new Failure(`none of ${frames.length} frames carries the ping`);
  const { frame, inner, source, destination, sourcePort, port, flags, vni, ttl } = packet;
  const [innerSource, innerDestination] = innerAddresses(packet);
  detail(
    `outer  Ethernet  ${mac(frame.subarray(6, 12))} -> ${mac(frame.subarray(0, 6))}, ${frame.length} bytes`,
  );
  detail(`       IPv4      ${source} -> ${destination}, TTL ${ttl}`);
  detail(`       UDP       ${sourcePort} -> ${port}`);
  detail(`       VXLAN     flags 0x${flags.toString(16).padStart(2, "0")}, VNI ${vni}`);
  detail(
    `inner  Ethernet  ${mac(inner.subarray(6, 12))} -> ${mac(inner.subarray(0, 6))}, ${inner.length} bytes`,
  );
  detail(`       IPv4      ${innerSource} -> ${innerDestination}, protocol ${inner.readUInt8(23)} (ICMP)`);
  if (innerSource !== from.address) throw new Failure(`the packet comes from ${innerSource}`);
  success("the pods' own addresses inside, the nodes' outside, 50 bytes more");
}
