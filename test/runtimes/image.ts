import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Node } from "../helpers/index.ts";

/** The name of the image that tests run. */
export const image = "localhost/busybox:latest";

/** What the programs of the image are called; all are busybox (Debian's busybox-static). */
const applets = ["sh", "sleep", "ip", "httpd", "timeout", "wget"];

/** The command of a web server: it answers on port 80, path /name, with a name. */
export const serve = (name: string): string[] => [
  "sh",
  "-c",
  `echo ${name} >/tmp/name && exec httpd -f -p 80 -h /tmp`,
];

const busybox = "/usr/bin/busybox";
const layerType = "application/vnd.oci.image.layer.v1.tar";
const configType = "application/vnd.oci.image.config.v1+json";
const manifestType = "application/vnd.oci.image.manifest.v1+json";

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

function putBlob(layout: string, mediaType: string, content: object | Buffer): Descriptor {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  const hash = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(layout, "blobs/sha256", hash), bytes);
  return { mediaType, digest: `sha256:${hash}`, size: bytes.length };
}

const tar = (node: Node, folder: string, file: string) =>
  node.exec("tar", ["--owner=0", "--group=0", "--numeric-owner", "-C", folder, "-cf", file, "."]);

async function layer(node: Node, folder: string): Promise<Buffer> {
  const root = node.path(`${folder}/root`);
  for (const each of ["bin", "tmp", "etc"]) mkdirSync(join(root, each), { recursive: true });
  cpSync(busybox, join(root, "bin/busybox"));
  for (const applet of applets) symlinkSync("busybox", join(root, "bin", applet));
  await tar(node, `${folder}/root`, `${folder}/layer.tar`);
  return readFileSync(node.path(`${folder}/layer.tar`));
}

/**
 * Makes an image of one layer that has busybox and nothing else, and sleeps when it is started. Returns where
 * its archive (OCI image layout, in a tar file) is on the node.
 */
export async function buildImage(node: Node, name: string): Promise<string> {
  const folder = `/run/images/${name.replaceAll(/[/:]/g, "-")}`;
  const layout = node.path(`${folder}/layout`);
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  const content = putBlob(layout, layerType, await layer(node, folder));
  const config = putBlob(layout, configType, {
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Cmd: ["/bin/sleep", "infinity"], Env: ["PATH=/bin"] },
    rootfs: { type: "layers", diff_ids: [content.digest] },
  });
  const manifest = { schemaVersion: 2, mediaType: manifestType, config, layers: [content] };
  // Either annotation is the name: the first is containerd's, the second that of the specification.
  const annotations = { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name };
  const index = {
    schemaVersion: 2,
    manifests: [{ ...putBlob(layout, manifestType, manifest), annotations }],
  };
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await tar(node, `${folder}/layout`, `${folder}/image.tar`);
  return `${folder}/image.tar`;
}

/** Where to ask a server of `serve`. */
export const urlOf = (address: string, port = 80): string =>
  `http://${address.includes(":") ? `[${address}]` : address}:${port}/name`;
