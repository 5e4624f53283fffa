/** Compilers and their flags, for each kind of executable. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";

export const nativeFolder = fileURLToPath(new URL("../../native", import.meta.url));

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
  /** For perf(1) and debuggers; addresses are the same without. */
  readonly keepsSymbols?: boolean;
}

const common = ["-std=gnu11", "-D_GNU_SOURCE", "-fno-strict-aliasing", "-fwrapv"];

const hardening = [
  "-fstack-protector-strong",
  "-fstack-clash-protection",
  "-include",
  join(nativeFolder, "fortify.h"),
];

/** Not position-independent: native/image.h says why. What is not used, the engine's compiler above all, is left out. */
export const staticFlags = [
  ...common,
  "-O2",
  "-fno-pie",
  "-ffunction-sections",
  "-fdata-sections",
  "-DPODWIRE_IMAGE",
  ...hardening,
];

export const staticLinkFlags = [
  "-static",
  "-no-pie",
  "-Wl,--gc-sections",
  "-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code",
  "-Wl,--build-id=none",
  // HEAP_ADDRESS of native/image.h.
  "-Wl,--section-start=.podwire_image=0x10000000",
];

/** musl has no headers of the kernel: those of this machine's C library come after musl's own. */
async function kernelHeaders(): Promise<string[]> {
  const { stdout } = await execa("gcc", ["-print-multiarch"], { reject: false });
  const folders = ["/usr/include", ...((stdout ?? "") === "" ? [] : [`/usr/include/${stdout}`])];
  return folders.flatMap((folder) => ["-idirafter", folder]);
}

/** For this machine's processor. */
export async function nativeToolchain(): Promise<Toolchain> {
  return {
    name: `${process.arch}-musl`,
    compiler: "musl-gcc",
    flags: [...staticFlags, ...(await kernelHeaders())],
    linkFlags: staticLinkFlags,
    archiver: "ar",
    strip: "strip",
    runner: [],
    hasImage: true,
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
};
