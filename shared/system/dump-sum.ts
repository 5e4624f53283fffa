/** Sums netlink messages (native/dump-sum.c). */

/** Adds the first `size` bytes of a datagram to a sum. shared/netlink/dump-sum.ts describes the selection. */
export function sumDump(datagram: Uint8Array, size: number, selection: Int32Array, sum: BigUint64Array) {
  const result = native.sumDump(datagram, size, selection, sum);
  return { isLast: (result & 1) !== 0, isUseless: (result & 2) !== 0 };
}
