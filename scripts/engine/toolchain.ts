/** Compilers and their flags, for each kind of executable. Paths in flags are relative to the folder that is compiled in. */
import { type Linked, readLibgcc } from "./linked.ts";
import { muslOf } from "./musl.ts";
import { run } from "./run.ts";

export type Processor = "x64" | "arm64";

export interface Toolchain {
  readonly name: string;
  readonly compiler: string;
  /** For the engine and for our own code. */
  readonly flags: readonly string[];
  readonly linkFlags: readonly string[];
  readonly archiver: string;
  readonly strip: string;
  /** What runs the result on this machine, before its own path: an emulator for another processor. */
  readonly runner: readonly string[];
  /** Whether the program is evaluated at build time. */
  readonly hasImage: boolean;
  /** What is linked in beside the engine; nothing where the libraries are this machine's. */
  readonly linked: readonly Linked[];
  /** For perf(1) and debuggers; addresses are the same without. */
  readonly keepsSymbols?: boolean;
}

const common = ["-std=gnu11", "-D_GNU_SOURCE", "-fno-strict-aliasing", "-fwrapv"];

const hardening = ["-fstack-protector-strong", "-fstack-clash-protection", "-include", "native/fortify.h"];

/** The oldest processors of the kind: a compiler may be made for newer ones. No atomics that ask at the start which one it is. */
const processorFlags = {
  x64: ["-march=x86-64", "-mtune=generic"],
  arm64: ["-march=armv8-a", "-mno-outline-atomics"],
};

/** Not position-independent: native/image.h says why. What is not used, the engine's compiler above all, is left out. */
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

/** This machine's kind of processor. Throws for one that podwire does not know. */
export function ownProcessor(): Processor {
  const { arch } = process;
  if (arch !== "x64" && arch !== "arm64")
    throw new Error(`podwire knows x64 and arm64, this machine is ${arch}`);
  return arch;
}

/** musl has no headers of the kernel: those of this machine's C library come after musl's own. */
async function kernelHeaders(): Promise<string[]> {
  const multiarch = (await run("gcc", ["-print-multiarch"])).trim();
  const folders = ["/usr/include", ...(multiarch === "" ? [] : [`/usr/include/${multiarch}`])];
  return folders.flatMap((folder) => ["-idirafter", folder]);
}

/** For this machine's processor. */
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

/** With the C library of this machine, watched by the address and undefined-behaviour sanitizers. */
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
