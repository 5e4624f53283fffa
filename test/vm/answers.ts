import { createInterface } from "node:readline";

/** The lines of a virtual machine's agent: the first word is what they answer. */
export interface Answers {
  /** Waits for the answer to `name` and returns what follows it. Throws when the machine ends or time is up. */
  wait(name: string, milliseconds: number): Promise<string>;
}

interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: Error) => void;
}

/** `explain` is asked for what is known about the machine when it fails. */
export function readAnswers(stream: NodeJS.ReadableStream, explain: () => string): Answers {
  const waiting = new Map<string, Waiting>();
  const lines = createInterface({ input: stream });
  let ended = false;
  const fail = (name: string, reason: string) =>
    waiting.get(name)?.reject(new Error(`the virtual machine ${reason}; its console:\n${explain()}`));
  lines.on("line", (line) => {
    // The firmware and the serial line may add to the first line; an answer is always its last words.
    const [, name, rest] = /(\w+) ?(\d*)\r?$/.exec(line) ?? [];
    waiting.get(name ?? "")?.resolve(rest ?? "");
  });
  lines.on("close", () => {
    ended = true;
    for (const name of waiting.keys()) fail(name, "ended");
  });
  const wait = (name: string, milliseconds: number): Promise<string> =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => fail(name, `did not answer in ${milliseconds} ms`), milliseconds);
      const settling =
        <T>(settle: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          waiting.delete(name);
          settle(value);
        };
      waiting.set(name, { resolve: settling(resolve), reject: settling(reject) });
      if (ended) fail(name, "has ended");
    });
  return { wait };
}
