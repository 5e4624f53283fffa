/**
 * Go's gob format (https://pkg.go.dev/encoding/gob): its types as far as net/rpc and the reference plugin's messages use them.
 */

export interface GobStruct {
  readonly kind: "struct";
  readonly name: string;
  readonly fields: readonly (readonly [name: string, type: GobType])[];
}

export interface GobSlice {
  readonly kind: "slice";
  readonly of: GobType;
}

export type GobType = "bool" | "int" | "uint" | "bytes" | "string" | GobStruct | GobSlice;

/** The ids of types that both sides know. */
export const basicIds = { bool: 1, int: 2, uint: 3, float: 4, bytes: 5, string: 6 } as const;

/** Types of a stream have ids from here. */
export const FIRST_ID = 65;

/** A struct by the names of its fields. Of Go's zero values, gob sends none. */
export type GobObject = { readonly [field: string]: GobValue };
export type GobValue = boolean | number | string | Uint8Array | readonly GobValue[] | GobObject | undefined;

const struct = (name: string, fields: GobStruct["fields"]): GobStruct => ({ kind: "struct", name, fields });
const slice = (of: GobType): GobSlice => ({ kind: "slice", of });

/** net/rpc's head of a request. */
export const requestType = struct("Request", [
  ["ServiceMethod", "string"],
  ["Seq", "uint"],
]);

/** net/rpc's head of a response. Go skips the fields that it does not know: the parts of a CNI error. */
export const responseType = struct("Response", [
  ["ServiceMethod", "string"],
  ["Seq", "uint"],
  ["Error", "string"],
  ["Code", "int"],
  ["Message", "string"],
  ["Details", "string"],
]);

/** skel.CmdArgs of containernetworking/cni, and when a list of valid attachments was made (LIST_TIME). */
export const argumentsType = struct("CmdArgs", [
  ["ContainerID", "string"],
  ["Netns", "string"],
  ["IfName", "string"],
  ["Args", "string"],
  ["Path", "string"],
  ["StdinData", "bytes"],
  ["ListTime", "string"],
]);

const networkType = struct("IPNet", [
  ["IP", "bytes"],
  ["Mask", "bytes"],
]);

const ipType = struct("IPConfig", [
  ["Address", networkType],
  ["Gateway", "bytes"],
]);

const routeType = struct("Route", [
  ["Dst", networkType],
  ["GW", "bytes"],
  ["Priority", "int"],
  ["Scope", "int"],
]);

const dnsType = struct("DNS", [
  ["Nameservers", slice("string")],
  ["Domain", "string"],
  ["Search", slice("string")],
]);

/** types100.Result of containernetworking/cni. */
export const resultType = struct("Result", [
  ["CNIVersion", "string"],
  ["IPs", slice(ipType)],
  ["Routes", slice(routeType)],
  ["DNS", dnsType],
]);

/** struct{}: the reply of methods that return nothing, and of a failed one. */
export const emptyType = struct("", []);
