import { type Node, type Outside, seenAddress, startEcho } from "../../test/helpers/index.ts";
import type { Container } from "./containers.ts";
import { detail, Failure, success } from "./screen.ts";

const port = 8080;

/** Shows a ping from a container. */
export async function expectPing(node: Node, from: Container, address: string): Promise<void> {
  const args = ["-n", "-c", "2", "-i", "0.3", "-W", "2", address];
  const { exitCode, stdout } = await node.exec("ping", args, { netns: from.name, reject: false });
  if (exitCode !== 0) throw new Failure(`no answer from ${address} to ${from.name}:\n${stdout}`);
  success(`${from.name} (${from.address}) pings ${address}`);
  detail(
    stdout
      .split("\n")
      .filter((line) => /bytes from|packets/.test(line))
      .join("\n"),
  );
}

/** Shows that a connection from a container reaches the outside under the node's address. */
export async function expectTranslation(node: Node, outside: Outside, from: Container): Promise<void> {
  await using _server = await startEcho(outside, port);
  const seen = await seenAddress(node, outside.address4, port, { netns: from.name });
  if (seen !== outside.nodeAddress4) {
    throw new Failure(`the outside saw ${seen ?? "nothing"} in place of ${outside.nodeAddress4}`);
  }
  success(`${from.name} connects to ${outside.address4}, which sees ${seen}`);
}
