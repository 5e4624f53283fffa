/** The parts of an executable as a CycloneDX document: our program, its packages, the engine and the C libraries. */
import { join } from "node:path";
import { Enums, Models, Serialize, Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { digestOfFile } from "../digest.ts";
import type { Linked } from "../engine/linked.ts";
import { type Locked, readLock } from "./lock.ts";
import { bundledPackages, linkedParts } from "./parts.ts";

/** Converts npm's base64 to CycloneDX's hexadecimal digits. */
const hexOf = ({ integrity }: Locked): string =>
  Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");

function npmComponent(root: string, name: string): Models.Component {
  const locked = readLock(root, name);
  // In the package URL of a scoped name the at sign is escaped, the slash is not (package URL specification).
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

/** A C library, with its compiled or linked files. */
function linkedComponent({ name, version, licence, cpe, files, changed }: Linked): Models.Component {
  const url = `pkg:generic/${name}@${version}`;
  const component = new Models.Component(Enums.ComponentType.Library, name, {
    bomRef: url,
    purl: url,
    version,
    cpe: `cpe:2.3:a:${cpe}:${version}:*:*:*:*:*:*:*`,
  });
  component.licenses.add(new Models.LicenseExpression(licence));
  for (const [file, sum] of Object.entries(files)) {
    const part = new Models.Component(Enums.ComponentType.File, file, { bomRef: `${url}#${file}` });
    part.hashes.set(Enums.HashAlgorithm["SHA-256"], sum);
    if (changed?.includes(file))
      part.properties.add(new Models.Property("podwire:changed", "scripts/engine/changes.ts"));
    component.components.add(part);
  }
  return component;
}

/** Data that is not in the build. */
export interface BuildFacts {
  readonly version: string;
  readonly commit: string | undefined;
  /** In seconds since 1970. */
  readonly time: number;
}

function ownComponent(built: string, { version, commit }: BuildFacts): Models.Component {
  const url = `pkg:generic/podwire@${version}`;
  const own = new Models.Component(Enums.ComponentType.Application, "podwire", {
    bomRef: url,
    purl: url,
    version,
  });
  own.licenses.add(new Models.SpdxLicense("Apache-2.0" as never));
  own.hashes.set(Enums.HashAlgorithm["SHA-256"], digestOfFile(join(built, "bin/podwire")));
  if (commit !== undefined) own.properties.add(new Models.Property("podwire:commit", commit));
  return own;
}

/** The document of one build, for the executable with that checksum under any of its names. */
export function makeSbom(root: string, built: string, facts: BuildFacts): string {
  const bom = new Models.Bom();
  const own = ownComponent(built, facts);
  bom.metadata.component = own;
  bom.metadata.timestamp = new Date(facts.time * 1000);
  const direct = [
    ...linkedParts(built).map(linkedComponent),
    ...bundledPackages(built).map((name) => npmComponent(root, name)),
  ];
  for (const component of direct) {
    own.dependencies.add(component.bomRef);
    bom.components.add(component);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return serializer.serialize(bom, { sortLists: true, space: 2 });
}

/** Validates a document by the published schema. Throws the errors. */
export async function validateSbom(text: string): Promise<void> {
  const errors = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
  if (errors !== null) throw new Error(`not a CycloneDX document: ${JSON.stringify(errors)}`);
}
