import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the checkout, absolute. */
export const projectRoot = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

/** What `npm run build` makes, or another build of it. */
export const distFolder = join(projectRoot, process.env["PODWIRE_DIST"] ?? "dist");

/** Where `npm run build` puts the executables: a CNI_PATH for tests. */
export const distBin = join(distFolder, "bin");

/** Where Debian's containernetworking-plugins puts the reference executables. */
export const referenceBin = "/usr/lib/cni";

/** One of our built executables. */
export const builtPlugin = (name: string): string => join(distBin, name);

/** The reference executable of the same name. */
export const referencePlugin = (name: string): string => join(referenceBin, name);
