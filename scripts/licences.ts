/** Prints the licences of the libraries and packages in a build: `node --import tsx scripts/licences.ts > FILE`. */
import { join } from "node:path";
import { root } from "./bundle.ts";
import { thirdPartyLicences } from "./release/licences.ts";

process.stdout.write(await thirdPartyLicences(root, join(root, "dist")));
