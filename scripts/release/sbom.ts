/** What an executable consists of, as a CycloneDX document: our programs, the packages in them, and the run time. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Enums, Models, Serialize, Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { digest } from "./digest.ts";
import { type Locked, readLock } from "./runtime.ts";

/** The packages whose files went into the bundles of a build, sorted. */
export function bundledPackages(built: string): string[] {
  const names = new Set<string>();
  for (const file of readdirSync(built).filter((name) => name.endsWith(".meta.json"))) {
    const { inputs } = JSON.parse(readFileSync(join(built, file), "utf8")) as {
      inputs: Record<string, unknown>;
    };
    for (const path of Object.keys(inputs)) {
      const name = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
      if (name !== undefined) names.add(name);
    }
  }
  return [...names].sort();
}

/** npm writes a checksum as base64, CycloneDX as hexadecimal digits. */
const hexOf = ({ integrity }: Locked): string =>
  Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");

function npmComponent(root: string, name: string): Models.Component {
  const locked = readLock(root, name) as Locked & { readonly license?: string };
  // The slash of a scoped name stays one; the at sign does not (package URL specification).
  const url = `pkg:npm/${name.replace("@", "%40")}@${locked.version}`;
  const [group, plain] = name.startsWith("@") ? name.split("/") : [undefined, name];
  const component = new Models.Component(Enums.ComponentType.Library, plain ?? name, {
    bomRef: url,
    purl: url,
    version: locked.version,
    ...(group === undefined ? {} : { group }),
  });
  component.hashes.set(Enums.HashAlgorithm["SHA-512"], hexOf(locked));
  if (locked.license !== undefined) component.licenses.add(new Models.SpdxLicense(locked.license as never));
  return component;
}

/** What is not in the build, and is told with it. */
export interface Told {
  readonly version: string;
  readonly commit: string | undefined;
  /** In seconds since 1970. */
  readonly time: number;
}

/** Bun as those call it who warn of its faults: the packages for the platforms are only where it comes from. */
function runtimeComponent(root: string, runtime: string): Models.Component {
  const { version } = readLock(root, runtime);
  const url = `pkg:npm/bun@${version}`;
  const identity = { bomRef: url, purl: url, version };
  const bun = new Models.Component(Enums.ComponentType.Platform, "bun", identity);
  bun.licenses.add(new Models.SpdxLicense("MIT" as never));
  bun.dependencies.add(npmComponent(root, runtime).bomRef);
  return bun;
}

function ownComponent(built: string, { version, commit }: Told): Models.Component {
  const url = `pkg:generic/podwire@${version}`;
  const own = new Models.Component(Enums.ComponentType.Application, "podwire", {
    bomRef: url,
    purl: url,
    version,
  });
  own.licenses.add(new Models.SpdxLicense("Apache-2.0" as never));
  own.hashes.set(Enums.HashAlgorithm["SHA-256"], digest(join(built, "bin/podwire")));
  if (commit !== undefined) own.properties.add(new Models.Property("podwire:commit", commit));
  return own;
}

/** The document of one target: of the executable with that checksum, whichever name it has. */
export function makeSbom(root: string, built: string, runtime: string, told: Told): string {
  const bom = new Models.Bom();
  const own = ownComponent(built, told);
  bom.metadata.component = own;
  bom.metadata.timestamp = new Date(told.time * 1000);
  const direct = [
    runtimeComponent(root, runtime),
    ...bundledPackages(built).map((name) => npmComponent(root, name)),
  ];
  for (const component of direct) own.dependencies.add(component.bomRef);
  for (const component of [npmComponent(root, runtime), ...direct]) bom.components.add(component);
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return serializer.serialize(bom, { sortLists: true, space: 2 });
}

/** Checks a document against the published schema. Throws what is wrong. */
export async function validateSbom(text: string): Promise<void> {
  const errors = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
  if (errors !== null) throw new Error(`not a CycloneDX document: ${JSON.stringify(errors)}`);
}
