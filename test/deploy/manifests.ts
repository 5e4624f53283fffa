/** The files of deploy/, read as kubectl reads them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { IDaemonSet } from "kubernetes-models/apps/v1";
import type { IConfigMap } from "kubernetes-models/v1";
import { parseAllDocuments } from "yaml";
import { projectRoot } from "../helpers/index.ts";

const folder = join(projectRoot, "deploy");

export interface Manifest {
  readonly file: string;
  readonly object: { readonly apiVersion: string; readonly kind: string };
}

/** The objects in a text. Throws for what is no YAML, such as a key that is there twice. */
export function parseManifests(file: string, text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return { file, object: document.toJS() };
  });
}

/** All objects of all files. */
export const manifests = (): Manifest[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .flatMap((file) => parseManifests(file, readFileSync(join(folder, file), "utf8")));

function only<Kind>(file: string, kind: string): Kind {
  const found = manifests().filter((one) => one.file === file && one.object.kind === kind);
  const [first] = found;
  if (found.length !== 1 || first === undefined) throw new Error(`${file} has ${found.length} of ${kind}`);
  return first.object as unknown as Kind;
}

export const daemonSet = (): IDaemonSet => only("daemonset.yaml", "DaemonSet");
export const configMap = (file: string): IConfigMap => only(file, "ConfigMap");
