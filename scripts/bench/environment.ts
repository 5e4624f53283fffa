import type { Attachment } from "../../test/helpers/plugin-config.ts";
import type { Verb } from "./protocol.ts";

/** The environment of a plugin. A verb without an attachment sets no CNI_CONTAINERID. */
export function environmentOf(
  verb: Verb,
  { containerId, netns, ifname }: Attachment,
  folder: string,
): Record<string, string> {
  const always = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", CNI_COMMAND: verb, CNI_PATH: folder };
  if (verb !== "ADD" && verb !== "CHECK" && verb !== "DEL") return always;
  return { ...always, CNI_CONTAINERID: containerId, CNI_NETNS: netns, CNI_IFNAME: ifname };
}
