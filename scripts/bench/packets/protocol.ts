/** The generator's input, its only argument, and its output. */

/** Paths of network namespaces on the generator's node. */
export interface Route {
  readonly client: string;
  readonly server: string;
  /** The port that the server listens on. */
  readonly serverPort: number;
  /** The IPv4 address and port that the client connects to; the server's own without translation. */
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
  /** CPU seconds of the generator including the kernel's work for it, and those of its own code alone. */
  readonly cpu: number;
  readonly own: number;
}
