/** What every example with portmap is for: a port of the node leads to a container. */
import { expect } from "vitest";
import { seenAddress, startEcho } from "../helpers/index.ts";
import { runExample } from "./example.ts";

const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];

/** Tries it from another machine, from the node and from containers: the server says whom it sees. */
export const expectHostPort = (file: string): Promise<void> =>
  runExample(
    file,
    async ({ node, outside, first, second }) => {
      await using _server = await startEcho(node, 80, first.name);
      expect(await seenAddress(outside, outside.nodeAddress4, 8080)).toBe(outside.address4);
      expect(await seenAddress(outside, outside.nodeAddress6, 8080)).toBe(outside.address6);
      expect(await seenAddress(node, "127.0.0.1", 8080)).toBe("10.31.0.1");
      for (const { name } of [first, second]) {
        expect(await seenAddress(node, outside.nodeAddress4, 8080, { netns: name })).toBe("10.31.0.1");
      }
    },
    [{ capabilities: { portMappings } }, {}],
  );
