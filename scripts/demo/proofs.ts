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

/** Shows a connection from a container to the outside, which sees the node's address. */
export async function expectTranslation(node: Node, outside: Outside, from: Container): Promise<void> {
  await using _server = await startEcho(outside, port);
  const seen = await seenAddress(node, outside.address4, port, { netns: from.name });
  if (seen !== outside.nodeAddress4) {
    throw new Failure(`the outside saw ${seen ?? "nothing"} in place of ${outside.nodeAddress4}`);
  }
  success(`${from.name} connects to ${outside.address4}, which sees ${seen}`);
}

/** Shows a host port that leads to a server in a container, which sees the client's own address. */
export async function expectForwarding(outside: Outside, to: Container, hostPort: number): Promise<void> {
  for (const [host, client] of [
    [outside.nodeAddress4, outside.address4],
    [outside.nodeAddress6, outside.address6],
  ] as const) {
    const answer = await seenAddress(outside, host, hostPort);
    if (answer !== client) {
      throw new Failure(
        `${to.name} answered ${answer ?? "nothing"} to ${client}, port ${hostPort} of ${host}`,
      );
    }
    success(`${client} connects to ${host}, port ${hostPort}; ${to.name} answers with whom it sees:`);
    detail(answer);
  }
}

/** Shows a closed host port. */
export async function expectClosed(outside: Outside, hostPort: number): Promise<void> {
  for (const host of [outside.nodeAddress4, outside.nodeAddress6]) {
    const answer = await seenAddress(outside, host, hostPort);
    if (answer !== undefined) throw new Failure(`port ${hostPort} of ${host} still answers: ${answer}`);
    success(`port ${hostPort} of ${host} is closed`);
  }
}
