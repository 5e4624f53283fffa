/** `podwire list`: shows the attachments of this node. */
import { messageOf } from "../../shared/cni/error.ts";
import { type Command, ExitCode, type Io, UsageError } from "../command.ts";
import { emphasis } from "../help.ts";
import { printable } from "../printable.ts";
import { formatAge } from "./age.ts";
import { type ListedAttachment, listAttachments } from "./attachments.ts";

const ageOf = ({ made }: ListedAttachment, now: Date) =>
  made === undefined ? undefined : Math.max(0, Math.floor((now.getTime() - made.getTime()) / 1000));

/** For programs: an unknown value is null. */
const asObject = (attachment: ListedAttachment, now: Date) => ({
  network: attachment.network,
  containerId: attachment.containerId,
  ifname: attachment.ifname,
  addresses: attachment.addresses,
  hostInterface: attachment.hostInterface ?? null,
  ageSeconds: ageOf(attachment, now) ?? null,
});

const header = ["NETWORK", "CONTAINER", "INTERFACE", "ADDRESSES", "HOST INTERFACE", "AGE"];

function row(attachment: ListedAttachment, now: Date): string[] {
  const { network, containerId, ifname, addresses, hostInterface = "" } = attachment;
  const age = ageOf(attachment, now);
  const cells = [network, containerId, ifname, addresses.join(","), hostInterface];
  return [...cells, age === undefined ? "" : formatAge(age)].map((cell) =>
    cell === "" ? "-" : printable(cell),
  );
}

/** Aligns columns, two spaces apart. The last one is not padded. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function printTable(attachments: readonly ListedAttachment[], now: Date, io: Io): void {
  const [first = "", ...others] = align([header, ...attachments.map((each) => row(each, now))]);
  io.out(`${[emphasis(io.colours)(first), ...others].join("\n")}\n`);
}

export const listCommand: Command = {
  name: "list",
  summary: "list the attachments on this node",
  usage: "[--json]",
  description: `It asks what remembers them: libcni's cache (/var/lib/cni/results), reserved addresses (/var/lib/cni/networks)
and interfaces of this node. No container's namespace is looked into. The exit code is 1 if one of them
cannot be read.`,
  options: [{ name: "json", summary: "print a JSON list of objects" }],
  run: (args, io) => {
    if (args.positionals.length > 0) throw new UsageError("list takes no arguments");
    const now = new Date();
    let code: number = ExitCode.success;
    const attachments = listAttachments((thrown) => {
      io.err(`podwire list: attachments may be missing: ${messageOf(thrown)} (only root may read all)\n`);
      code = ExitCode.failure;
    });
    if (args.flag("json")) {
      io.out(
        `${JSON.stringify(
          attachments.map((each) => asObject(each, now)),
          undefined,
          2,
        )}\n`,
      );
    } else printTable(attachments, now, io);
    return code;
  },
};
