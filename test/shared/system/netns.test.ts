import { beforeEach, describe, expect, test } from "vitest";
import { canRun, createNode, evaluator, type Node, writeModule } from "../../helpers/index.ts";
import { onNode, program } from "./run.ts";

let node: Node;
beforeEach(async () => {
  node = await createNode();
  await node.addNetns("c");
  return () => node.dispose();
});

const inode = async (netns?: string): Promise<string> => {
  const options = netns === undefined ? {} : { netns };
  return (await node.exec("readlink", ["/proc/self/ns/net"], options)).stdout;
};

const where = 'const where = () => files.readLink("/proc/thread-self/ns/net");';
const open = 'const c = namespaces.openNamespace("/run/netns/c");';

describe.runIf(canRun("ip"))("work in a namespace", () => {
  test("is done inside, and only there", async () => {
    const seen = await onNode(node, `${where}\n${open}\nsay([where(), c.run(where), where()]);`);
    expect(seen).toEqual([await inode(), await inode("c"), await inode()]);
  });

  test("gives its value back", async () => {
    expect(await onNode(node, `${open}\nsay(c.run(() => ({ answer: 42 })));`)).toEqual({ answer: 42 });
  });

  test("that throws is left all the same, and what it threw comes out", async () => {
    const seen = await onNode(
      node,
      `${where}\n${open}\nconst outcome = failure(() => c.run(() => { throw new TypeError("inside " + where()); }));\nsay([outcome.name, outcome.message, where()]);`,
    );
    expect(seen).toEqual(["TypeError", `inside ${await inode("c")}`, await inode()]);
  });

  test("sees the kernel parameters of that namespace", async () => {
    await node.exec("sysctl", ["-q", "-w", "net.ipv4.ip_forward=0"]);
    await node.exec("sysctl", ["-q", "-w", "net.ipv4.ip_forward=1"], { netns: "c" });
    const read = 'sysctls.readSysctl("ipv4/ip_forward")';
    expect(await onNode(node, `${open}\nsay([${read}, c.run(() => ${read}), ${read}]);`)).toEqual([
      "0",
      "1",
      "0",
    ]);
  });

  test("may be done again, in this one and in others, and leaves no files open", async () => {
    await node.addNetns("d");
    const seen = await onNode(
      node,
      `${where}
       const count = () => directories.listDirectory("/proc/self/fd").length;
       const round = () => ["c", "d"].map((name) => {
         const namespace = namespaces.openNamespace("/run/netns/" + name);
         const inside = namespace.run(where);
         namespace.close();
         return inside;
       });
       const first = round();
       const before = count();
       for (let at = 0; at < 100; at++) round();
       say([first, count() - before]);`,
    );
    expect(seen).toEqual([[await inode("c"), await inode("d")], 0]);
  });

  test("goes on in a namespace whose name was removed, for as long as it is open", async () => {
    const seen = await onNode(
      node,
      `${where}\n${open}\nconst before = c.run(where);
       runProcess("/usr/sbin/ip", { arguments: ["netns", "delete", "c"], environment: {}, timeoutMilliseconds: 10000 });
       say([c.run(where) === before, namespaces.openNamespace("/run/netns/c")]);`,
    );
    expect(seen).toEqual([true, "missing"]);
  });
});

describe.runIf(canRun("ip"))("a path that should be a namespace", () => {
  const made = [
    "touch /run/plain",
    "mkdir /run/folder",
    "mkfifo /run/fifo",
    "ln -s loop /run/loop",
    "ln -s netns/c /run/link",
    "touch /run/bound; mount --bind /proc/self/ns/net /run/bound",
  ];

  test.each([
    ["/run/none", "missing"],
    ["/run/plain/x", "missing"],
    ["/run/plain", "not-a-namespace"],
    ["/run/folder", "not-a-namespace"],
    ["/run/fifo", "not-a-namespace"],
    ["/run/loop", "not-a-namespace"],
    ["/dev/null", "not-a-namespace"],
    ["/proc/self/ns/mnt", "not-a-namespace"],
    ["/proc/self/ns/uts", "not-a-namespace"],
  ])("and is not, %s, gives the reason: %s", async (path, fault) => {
    await node.exec("sh", ["-c", made.join("; ")]);
    const seen = await onNode(node, `${where}\nsay([namespaces.openNamespace("${path}"), where()]);`);
    expect(seen).toEqual([fault, await inode()]);
  });

  test("is one behind a link, too", async () => {
    await node.exec("sh", ["-c", made.join("; ")]);
    const seen = await onNode(node, `${where}\nsay(namespaces.openNamespace("/run/link").run(where));`);
    expect(seen).toBe(await inode("c"));
  });

  test("is known as the plugin's own under every name, and others are not", async () => {
    await node.exec("sh", ["-c", made.join("; ")]);
    const paths = ["/proc/self/ns/net", "/run/bound", "/run/netns/c", "/run/link", "/run/none", "/run/loop"];
    const seen = await onNode(
      node,
      `say(${JSON.stringify(paths)}.map((path) => namespaces.isOwnNamespace(path)));`,
    );
    expect(seen).toEqual([true, true, false, false, false, false]);
  });

  test("has an identity of its own, by whatever name it was opened", async () => {
    await node.addNetns("d");
    await node.exec("sh", ["-c", made.join("; ")]);
    const [c, link, d] = await onNode<string[]>(
      node,
      `say(["netns/c", "link", "netns/d"].map((name) => namespaces.namespaceIdentity(namespaces.openNamespace("/run/" + name))));`,
    );
    expect(link).toBe(c);
    expect(d).not.toBe(c);
    expect((await inode("c")).slice(5, -1)).toBe(c?.split(":").at(-1));
  });

  test("cannot be entered without privilege, and that is not called a missing namespace", async () => {
    await using script = await writeModule(program('say(namespaces.openNamespace("/run/netns/c"));'));
    // Still root, who may read the module, but without any capability.
    const powerless = ["--bounding-set=-all", "--inh-caps=-all"];
    const { stdout } = await node.exec("setpriv", [...powerless, evaluator, ...script.words]);
    expect(JSON.parse(stdout)).toBe("denied");
  });
});
