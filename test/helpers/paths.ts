import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the checkout, absolute. */
export const projectRoot = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

/** Where `npm run build` puts the executables: a CNI_PATH for tests. */
export const distBin = join(projectRoot, "dist/bin");

/** Where Debian's containernetworking-plugins puts the reference executables. */
export const referenceBin = "/usr/lib/cni";

const bunPackage = process.arch === "arm64" ? "bun-linux-aarch64" : "bun-linux-x64";

/** The run time that the executables embed. */
export const bunBinary = join(projectRoot, "node_modules/@oven", bunPackage, "bin/bun");

/** One of our built executables. */
export const builtPlugin = (name: string): string => join(distBin, name);

/** The reference executable of the same name. */
export const referencePlugin = (name: string): string => join(referenceBin, name);
