/** Compilers and flags for each kind of executable. Paths in flags are relative to the folder to compile in. */
import { type Linked, readLibgcc } from "./linked.ts";
import { muslOf } from "./musl.ts";
import { run } from "./run.ts";

export type Processor = "x64" | "arm64";

export interface Toolchain {
  readonly name: string;
  readonly compiler: string;
  /** Flags for both the engine and our own code. */
  readonly flags: readonly string[];
  readonly linkFlags: readonly string[];
  readonly archiver: string;
  readonly strip: string;
  /** The command that runs the result on this machine: an emulator for another processor. */
  readonly runner: readonly string[];
  /** True if the program is evaluated at build time. */
  readonly hasImage: boolean;
  /** The libraries to link beside the engine; empty if they are this machine's shared ones. */
  readonly linked: readonly Linked[];
  /** True for perf(1) and debuggers. Addresses are the same without symbols. */
  readonly keepsSymbols?: boolean;
}

const common = ["-std=gnu11", "-D_GNU_SOURCE", "-fno-strict-aliasing", "-fwrapv"];

const hardening = ["-fstack-protector-strong", "-fstack-clash-protection", "-include", "native/fortify.h"];

/**
 * The oldest processors of the kind: a compiler's default may be newer. Without out-of-line atomics, which detect the
 * processor at each start.
 */
const processorFlags = {
  x64: ["-march=x86-64", "-mtune=generic"],
  arm64: ["-march=armv8-a", "-mno-outline-atomics"],
};

/**
 * Not position-independent: native/image.h says why. The linker drops unused code, in particular the engine's
 * compiler.
 */
export const staticFlags = (processor: Processor): readonly string[] => [
  ...common,
  ...processorFlags[processor],
  "-O2",
  "-fno-pie",
  "-ffunction-sections",
  "-fdata-sections",
  "-DPODWIRE_IMAGE",
  ...hardening,
];

export const staticLinkFlags: readonly string[] = [
  "-static",
  "-no-pie",
  "-Wl,--gc-sections",
  "-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code",
  "-Wl,--build-id=none",
  // HEAP_ADDRESS of native/image.h.
  "-Wl,--section-start=.podwire_image=0x10000000",
];

/** This machine's processor. Throws if podwire does not support it. */
export function ownProcessor(): Processor {
  const { arch } = process;
  if (arch !== "x64" && arch !== "arm64")
    throw new Error(`podwire knows x64 and arm64, this machine is ${arch}`);
  return arch;
}

/** musl has no kernel headers: this machine's follow after musl's own. */
async function kernelHeaders(): Promise<string[]> {
  const multiarch = (await run("gcc", ["-print-multiarch"])).trim();
  const folders = ["/usr/include", ...(multiarch === "" ? [] : [`/usr/include/${multiarch}`])];
  return folders.flatMap((folder) => ["-idirafter", folder]);
}

/** The toolchain for this machine's processor. */
export async function nativeToolchain(): Promise<Toolchain> {
  const processor = ownProcessor();
  return {
    name: `${processor}-musl`,
    compiler: "musl-gcc",
    flags: [...staticFlags(processor), ...(await kernelHeaders())],
    linkFlags: staticLinkFlags,
    archiver: "ar",
    strip: "strip",
    runner: [],
    hasImage: true,
    linked: [await muslOf("musl-gcc"), await readLibgcc("musl-gcc")],
  };
}

/** With this machine's C library, and the address and undefined-behaviour sanitizers. */
export const sanitizedToolchain: Toolchain = {
  name: "sanitized",
  compiler: "gcc",
  flags: [
    ...common,
    "-O1",
    "-g",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
  ],
  linkFlags: ["-fsanitize=address,undefined", "-lm"],
  archiver: "ar",
  strip: "strip",
  runner: [],
  hasImage: false,
  linked: [],
};
