/** Compiles for the other processor, on Debian: with its cross compiler, its musl, and qemu to run the result. */
import { join } from "node:path";
import { debianArchitecture } from "./debian.ts";
import { readLibgcc, readMusl } from "./linked.ts";
import { unpackMusl } from "./musl.ts";
import { run } from "./run.ts";
import { type Processor, staticFlags, staticLinkFlags, type Toolchain } from "./toolchain.ts";

const machines = { x64: "x86_64", arm64: "aarch64" } as const;

/**
 * The toolchain for another processor than this machine's. `folder` is the folder to compile in: it gets the C
 * library.
 */
export async function crossToolchain(processor: Processor, folder: string): Promise<Toolchain> {
  const machine = machines[processor];
  const prefix = `${machine}-linux-gnu`;
  const compiler = `${prefix}-gcc`;
  // The first call of the compiler: a missing compiler is the likeliest failure.
  const own = (await run(compiler, ["-print-file-name=include"])).trim();
  await unpackMusl(debianArchitecture[processor], join(folder, "musl"));
  const include = `musl/usr/include/${machine}-linux-musl`;
  const library = `musl/usr/lib/${machine}-linux-musl`;
  // As in musl's own wrapper: the headers of musl, the compiler and the kernel, and no others.
  const headers = ["-nostdinc", "-isystem", include, "-isystem", own, "-idirafter", `/usr/${prefix}/include`];
  const start = ["crt1.o", "crti.o"].map((name) => `${library}/${name}`);
  const end = ["-Wl,--start-group", `${library}/libc.a`, "-lgcc", "-Wl,--end-group", `${library}/crtn.o`];
  return {
    name: `${processor}-musl`,
    compiler,
    flags: [...staticFlags(processor), ...headers],
    linkFlags: [...staticLinkFlags, "-nostdlib", ...start, ...end],
    archiver: `${prefix}-ar`,
    strip: `${prefix}-strip`,
    runner: [`qemu-${machine}`],
    hasImage: true,
    linked: [await readMusl(join(folder, library, "libc.a"), `${prefix}-ar`), await readLibgcc(compiler)],
  };
}
