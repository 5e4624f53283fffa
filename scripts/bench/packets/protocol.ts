/** What the generator of connections is given, as its only argument, and what it prints. */

/** The paths of network namespaces are those of the node that the generator runs on. */
export interface Route {
  readonly client: string;
  readonly server: string;
  /** The port that the server listens on. */
  readonly serverPort: number;
  /** The IPv4 address and port that the client connects to; the server's own, unless they are translated. */
  readonly address: string;
  readonly port: number;
}

export interface GeneratorRequest {
  readonly route: Route;
  readonly seconds: number;
}

export interface Traffic {
  readonly connections: number;
  readonly seconds: number;
  /** CPU seconds of the generator, the kernel's work for it included; in them, those of its own code. */
  readonly cpu: number;
  readonly own: number;
}
