/** The token bucket for a limit: the reference plugin's numbers where these are right, since its CHECK compares them. Pure. */
import type { TokenBucket } from "../../shared/netlink/qdisc.ts";
import type { Limit } from "./config.ts";

/** The kernel's clock of qdiscs counts 64 ns: PSCHED_SHIFT of include/net/pkt_sched.h, told by /proc/net/psched. */
const TICKS_A_MICROSECOND = 15.625;
const MICROSECONDS = 1_000_000;
/** How long a packet may wait: the reference plugin's latency. */
const LATENCY_MICROSECONDS = 25_000;
const LARGEST = 0xffffffff;
/** An Ethernet header: the qdisc counts it, the MTU does not. */
const HEADER = 14;

/** What a bucket of that many ticks holds, in bytes. */
const bytesOf = (ticks: number, rate: number) => (ticks / TICKS_A_MICROSECOND / MICROSECONDS) * rate;

/** The reference plugin's number: of whole microseconds, in 32 bits. What lasts longer than 274 seconds overflows. */
function referenceTicks({ rate, burst }: Limit): number {
  const microseconds = Math.floor((burst * MICROSECONDS) / rate) % (LARGEST + 1);
  return Math.floor(microseconds * TICKS_A_MICROSECOND) % (LARGEST + 1);
}

const exactTicks = ({ rate, burst }: Limit): number =>
  Math.min(Math.ceil((burst * MICROSECONDS * TICKS_A_MICROSECOND) / rate), LARGEST);

/**
 * The bucket of an interface with that MTU. The reference plugin's number may be of a bucket that no full frame fits into, so that nothing
 * passes: at more than 1 Gbit/s, as it has whole microseconds, and where it overflows, as with the bursts that containerd asks for.
 */
export function bucketOf(limit: Limit, mtu: number): TokenBucket {
  const { rate, burst } = limit;
  const ticks = referenceTicks(limit);
  const frame = mtu + HEADER;
  const isEnough = burst < frame ? ticks > 0 : bytesOf(ticks, rate) >= frame;
  return {
    rate,
    buffer: isEnough ? ticks : exactTicks(limit),
    limit: Math.min(Math.floor((rate * LATENCY_MICROSECONDS) / MICROSECONDS) + burst, LARGEST),
  };
}

/** Whether a bucket of the kernel is one that an ADD makes for the limit, podwire's or the reference plugin's. */
export function isBucketOf(found: Omit<TokenBucket, "limit"> & { limit?: number }, limit: Limit): boolean {
  const buffers = [referenceTicks(limit), exactTicks(limit)];
  const { limit: waiting } = bucketOf(limit, 0);
  const isLimit = found.limit === undefined || found.limit === waiting;
  return found.rate === limit.rate && isLimit && buffers.includes(found.buffer);
}
