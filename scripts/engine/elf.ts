/** The heap segment of the executable's file, and the image in it (ELF-64 Object File Format, 2 and 5). */

/** As in native/image.h. */
const HEAP_ADDRESS = 0x10000000n;
const HEAP_SIZE = 32n << 20n;
const HEAP_ROOM = 2n << 20n;

/**
 * A multiple of every processor's page size: in a mapped segment, file offset and address are equal modulo the page
 * size.
 */
const PAGE = 65536;

const PT_LOAD = 1;

// Elf64_Ehdr: e_phoff 32, e_phentsize 54, e_phnum 56. Elf64_Phdr: p_type 0, p_offset 8, p_vaddr 16, p_filesz 32, p_memsz 40, p_align 48.
function findHeap(file: DataView): number {
  const first = Number(file.getBigUint64(32, true));
  const size = file.getUint16(54, true);
  for (let index = 0; index < file.getUint16(56, true); index++) {
    const at = first + index * size;
    if (file.getUint32(at, true) === PT_LOAD && file.getBigUint64(at + 16, true) === HEAP_ADDRESS) return at;
  }
  throw new Error("the executable has no segment for the heap: the linker's --section-start is missing");
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Sets the heap segment's memory size: the kernel fills memory beyond the file's part with zeros. Changes
 * `executable`.
 */
export function reserveHeap(executable: Uint8Array): Uint8Array {
  const view = viewOf(executable);
  view.setBigUint64(findHeap(view) + 40, HEAP_SIZE, true);
  return executable;
}

/** The size of an executable's image in bytes. */
export function imageSize(executable: Uint8Array): number {
  const view = viewOf(executable);
  return Number(view.getBigUint64(findHeap(view) + 32, true));
}

/** Returns the executable with its image: appended to the file and mapped from there. */
export function withImage(executable: Uint8Array, image: Uint8Array): Uint8Array {
  const offset = Math.ceil(executable.length / PAGE) * PAGE;
  const whole = new Uint8Array(offset + image.length);
  whole.set(executable);
  whole.set(image, offset);
  const view = viewOf(whole);
  const heap = findHeap(view);
  view.setBigUint64(heap + 8, BigInt(offset), true);
  view.setBigUint64(heap + 32, BigInt(image.length), true);
  view.setBigUint64(heap + 40, BigInt(image.length) + HEAP_ROOM, true);
  view.setBigUint64(heap + 48, BigInt(PAGE), true);
  return whole;
}
