import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { DaemonSet, type IDaemonSet } from "kubernetes-models/apps/v1";
import { ConfigMap, type IConfigMap } from "kubernetes-models/v1";
import { afterEach, describe, expect, test } from "vitest";
import { projectRoot } from "../helpers/index.ts";
import { daemonSet, type Manifest, manifests, parseManifests } from "./manifests.ts";

/** Checks an object against the schema that Kubernetes publishes for its kind. Throws if it does not fit. */
function validate({ object }: Manifest): void {
  const { apiVersion, kind } = object;
  if (apiVersion === "apps/v1" && kind === "DaemonSet")
    new DaemonSet(object as unknown as IDaemonSet).validate();
  else if (apiVersion === "v1" && kind === "ConfigMap")
    new ConfigMap(object as unknown as IConfigMap).validate();
  else throw new Error(`no schema for ${apiVersion} ${kind}`);
}

let scratch: string | undefined;
afterEach(() => {
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true });
});

const modules: Readonly<Record<string, string>> = { DaemonSet: "apps/v1", ConfigMap: "v1" };

/** Has the compiler look for fields that the schemas do not know, which they themselves let pass. */
async function compile(objects: readonly Manifest[]): Promise<string> {
  // Beside the packages, so that they are found.
  scratch = mkdtempSync(join(projectRoot, "node_modules/.manifests-"));
  const source = objects.flatMap(({ object }, index) => [
    `import type { I${object.kind} as Kind${index} } from "kubernetes-models/${modules[object.kind]}";`,
    `export const object${index}: Kind${index} = ${JSON.stringify(object, undefined, 2)};`,
  ]);
  const file = join(scratch, "manifests.mts");
  writeFileSync(file, source.join("\n"));
  const tsc = join(projectRoot, "node_modules/.bin/tsc");
  const options = [
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--types",
    "",
    "--module",
    "nodenext",
    "--ignoreConfig",
  ];
  return (await execa(tsc, [...options, file], { reject: false, cwd: scratch })).stdout;
}

const changed = (change: (object: IDaemonSet) => void): Manifest => {
  const object = structuredClone(daemonSet());
  change(object);
  return { file: "changed.yaml", object };
};

describe("deploy/", () => {
  test("has objects, and every one fits the schema of its kind", () => {
    expect(manifests().map(({ file }) => file)).toEqual([
      "daemonset.yaml",
      "dhcp-daemon.yaml",
      "single-node.yaml",
      "vxlan-l3.yaml",
    ]);
    for (const manifest of manifests()) expect(() => validate(manifest), manifest.file).not.toThrow();
  });

  test("has no field that the schemas do not know", async () => {
    expect(await compile(manifests())).toBe("");
  });

  test("would not pass with a field left out, of a wrong type, or misspelt", async () => {
    const withoutImage = changed(({ spec }) => void Object.assign(spec ?? {}, { selector: undefined }));
    expect(() => validate(withoutImage)).toThrow(/selector/);
    const badType = changed(
      ({ spec }) => void Object.assign(spec?.template.spec ?? {}, { hostNetwork: "yes" }),
    );
    expect(() => validate(badType)).toThrow(/hostNetwork/);
    const misspelt = changed(({ spec }) => void Object.assign(spec?.template.spec ?? {}, { toleration: [] }));
    expect(await compile([misspelt])).toMatch(/'?"?toleration/);
    expect(() => parseManifests("twice.yaml", "a: 1\na: 2\n")).toThrow(/unique/);
  });
});

describe("the DaemonSet", () => {
  const pod = () => daemonSet().spec?.template.spec;

  test("comes to every node, also one that is not ready, before there is a pod network", () => {
    expect(pod()?.tolerations).toEqual([{ operator: "Exists" }]);
    expect(pod()?.hostNetwork).toBe(true);
    expect(pod()?.nodeSelector).toEqual({ "kubernetes.io/os": "linux" });
  });

  test("asks for little, and for no right beside writing to two folders of the node", () => {
    for (const { resources, securityContext } of pod()?.containers ?? []) {
      expect(resources?.requests).toEqual({ cpu: expect.any(String), memory: expect.any(String) });
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"], add: ["DAC_OVERRIDE"] },
        readOnlyRootFilesystem: true,
        seLinuxOptions: { type: "spc_t", level: "s0" },
      });
      expect(securityContext?.privileged).toBeUndefined();
    }
    const paths = (pod()?.volumes ?? []).flatMap(({ hostPath }) => hostPath?.path ?? []);
    expect(paths).toEqual(["/opt/cni/bin", "/etc/cni/net.d"]);
  });

  test("does not go on to other nodes when it fails on one", () => {
    // Available is who has been up for so long: a container that ends is not.
    expect(daemonSet().spec?.minReadySeconds).toBeGreaterThanOrEqual(10);
    expect(pod()?.initContainers).toBeUndefined();
  });

  test("is applied after the network that its pods are to find", () => {
    const texts = ["README.md", "docs/kubernetes.md", "deploy/daemonset.yaml"].map((file) =>
      readFileSync(join(projectRoot, file), "utf8"),
    );
    const all = texts.flatMap((text) => text.match(/kubectl apply [^`\n]*/g) ?? []);
    // The daemon of dhcp comes after the executables, and has no network of its own.
    const lines = all.filter(
      (line) => !line.endsWith(" -f deploy/daemonset.yaml -f deploy/dhcp-daemon.yaml"),
    );
    expect([lines.length, all.length]).toEqual([4, 5]);
    for (const line of lines) expect(line).toMatch(/ -f deploy\/[\w-]+\.yaml -f deploy\/daemonset\.yaml$/);
  });

  test("selects its own pods, and mounts what it declares", () => {
    const { spec } = daemonSet();
    expect(spec?.template.metadata?.labels).toMatchObject(spec?.selector.matchLabels ?? { missing: "" });
    const declared = (pod()?.volumes ?? []).map(({ name }) => name);
    const mounted = (pod()?.containers[0]?.volumeMounts ?? []).map(({ name }) => name);
    expect(mounted).toEqual(declared);
  });
});
