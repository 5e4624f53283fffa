/** `podwire add|check|del|gc|status`: cnitool's job, with cnitool's environment. */
import { enumerate, messageOf } from "../../shared/cni/error.ts";
import type { JsonObject } from "../../shared/cni/fields.ts";
import { isBrokenPipe } from "../broken-pipe.ts";
import { type Arguments, type Command, ExitCode, type Io, type Option, UsageError } from "../command.ts";
import { printObject } from "../failure.ts";
import { readCached } from "../node/cache.ts";
import { whileContainerLocked } from "../node/container-lock.ts";
import { findNetwork, type NetworkList, networkNames, readList } from "./configuration.ts";
import { type CallContext, PluginError } from "./invoke.ts";
import { timeOfList } from "./list-time.ts";
import { livingAttachments } from "./living-attachments.ts";
import { configurationFolder, pluginFolders, type RuntimeCall, readRuntimeCall } from "./runtime.ts";
import { status } from "./status.ts";
import { add, check, del, gc } from "./verbs.ts";

const environmentHelp = `Environment:
  NETCONFPATH  folder of network configurations (/etc/cni/net.d)
  CNI_PATH     folders of plugins, separated by colons (that of this executable)
  CNI_IFNAME   name of the interface in the container (eth0)
  CNI_ARGS     KEY=value pairs, separated by semicolons
  CAP_ARGS     capability arguments, a JSON object: {"portMappings": [...]}`;

const json: Option = { name: "json", summary: "print a failure as JSON, as plugins do" };
const containerId: Option = {
  name: "container-id",
  value: "ID",
  summary: "the container's ID, instead of one derived from NETNS as cnitool does",
};

function failureText(thrown: unknown): string {
  if (!(thrown instanceof PluginError)) return messageOf(thrown);
  return `the plugin ${thrown.plugin} failed ${thrown.command} with code ${thrown.code}: ${messageOf(thrown)}`;
}

/** Runs the work. Prints a failure as text on standard error, or with --json as an object on standard output. */
function reported(args: Arguments, io: Io, work: () => void): number {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof UsageError || args.flag("json")) throw thrown;
    io.err(`podwire: ${failureText(thrown)}\n`);
    return ExitCode.failure;
  }
  return ExitCode.success;
}

/** ADD has succeeded even if standard output is closed: the attachment stays, and `podwire list` shows it. */
function printResult(io: Io, result: JsonObject): void {
  try {
    printObject(io, result);
  } catch (thrown) {
    if (!isBrokenPipe(thrown)) throw thrown;
  }
}

const warner = (io: Io) => (text: string) => io.err(`podwire: warning: ${text}\n`);

function missing(name: string, io: Io): Error {
  const folder = configurationFolder(io);
  const names = networkNames(folder).map((each) => JSON.stringify(each));
  const others = names.length === 0 ? "no network" : enumerate(names, ", ");
  return new Error(
    `there is no network ${JSON.stringify(name)} in ${folder}, which has ${others} (NETCONFPATH names the folder of configurations)`,
  );
}

function contextOf(list: NetworkList | undefined, name: string, io: Io): CallContext {
  if (list === undefined) throw missing(name, io);
  return { list, folders: pluginFolders(io), io };
}

const find = (name: string, io: Io) => findNetwork(configurationFolder(io), name, warner(io));

/** If the network's file is gone, DEL uses the configuration that ADD cached. */
function findForDel(name: string, call: RuntimeCall, io: Io): NetworkList | undefined {
  const found = find(name, io);
  if (found !== undefined) return found;
  const cached = readCached({ network: name, containerId: call.containerId, ifname: call.ifname });
  if (cached === undefined || cached.configuration === "") return undefined;
  warner(io)(`there is no network ${JSON.stringify(name)} any more: the configuration cached by ADD is used`);
  return readList(cached.configuration, configurationFolder(io));
}

function operands(args: Arguments, least: number): [string, string] {
  const [name = "", netns = "", ...more] = args.positionals;
  const given = args.positionals.length;
  if (given < least) throw new UsageError(least === 1 ? "NET is missing" : "NET and NETNS are needed");
  if (more.length > 0) throw new UsageError(`${JSON.stringify(more[0])} is one argument too many`);
  if (name === "" || (least > 1 && netns === "")) throw new UsageError("an argument is empty");
  return [name, netns];
}

type Work = (call: RuntimeCall, name: string, io: Io) => void;

function attachmentCommand(name: string, summary: string, work: Work): Command {
  return {
    name,
    summary,
    usage: "[options] NET NETNS",
    description: `NETNS is the path of the container's network namespace, such as /var/run/netns/demo.\n\n${environmentHelp}`,
    options: [containerId, json],
    completions: ["network", "file"],
    run: (args, io) => {
      const [network, netns] = operands(args, 2);
      return reported(args, io, () => {
        const call = readRuntimeCall(netns, args.text("container-id"), io);
        return whileContainerLocked(call.containerId, io.environment, () => work(call, network, io));
      });
    },
  };
}

const addCommand = attachmentCommand("add", "attach a container to a network", (call, name, io) =>
  add(contextOf(find(name, io), name, io), call, (result) => printResult(io, result)),
);
const checkCommand = attachmentCommand(
  "check",
  "check that an attachment is as ADD made it",
  (call, name, io) => check(contextOf(find(name, io), name, io), call),
);
const delCommand = attachmentCommand("del", "detach a container from a network", (call, name, io) =>
  del(contextOf(findForDel(name, call, io), name, io), call),
);

const gcCommand: Command = {
  name: "gc",
  summary: "remove what attachments without a container have left",
  usage: "[options] NET [NETNS]",
  description: `Attachments whose namespace or host interface exists are kept. NETNS is ignored; cnitool\nrequires it.\n\n${environmentHelp}`,
  options: [{ name: "all", summary: "detach all of the network's containers, as cnitool does" }, json],
  completions: ["network", "file"],
  run: (args, io) => {
    const [name] = operands(args, 1);
    const collect = (context: CallContext) =>
      args.flag("all")
        ? gc(context, () => [], undefined)
        : gc(context, (known) => livingAttachments(name, known), timeOfList());
    return reported(args, io, () => collect(contextOf(find(name, io), name, io)));
  },
};

const statusCommand: Command = {
  name: "status",
  summary: "check whether containers can be attached",
  usage: "[options] NET [NETNS]",
  description: `Plugins that know STATUS (CNI 1.1.0) are asked, whatever the network's cniVersion is. NETNS is ignored;\ncnitool requires it.\n\n${environmentHelp}`,
  options: [json],
  completions: ["network", "file"],
  run: (args, io) => {
    const [name] = operands(args, 1);
    return reported(args, io, () => status(contextOf(find(name, io), name, io)));
  },
};

export const networkCommands: readonly Command[] = [
  addCommand,
  checkCommand,
  delCommand,
  gcCommand,
  statusCommand,
];
