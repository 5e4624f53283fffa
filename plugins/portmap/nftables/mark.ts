/** The mark that a packet carries from its translation to the way out. Pure. */
import {
  type Expression,
  loadMeta,
  Meta,
  maskBits,
  registerAt,
  storeMeta,
} from "../../../shared/netfilter/nftables/expression.ts";

const REGISTER = registerAt(0);

/** A number as the kernel has it in a register: in this machine's byte order. */
export function hostOrder(number: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number >>> 0, true);
  return bytes;
}

/** The mark with that bit alone. */
export const bitOf = (markBit: number) => 2 ** markBit;

/** Sets a bit of the packet's mark, or clears it. */
export function changeMark(markBit: number, isSet: boolean): Expression[] {
  const bit = bitOf(markBit);
  const mask = hostOrder(~bit);
  return [
    loadMeta(Meta.mark, REGISTER),
    maskBits(REGISTER, mask, hostOrder(isSet ? bit : 0)),
    storeMeta(Meta.mark, REGISTER),
  ];
}
