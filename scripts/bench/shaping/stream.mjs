// A TCP stream of a limited container, run as a program inside a namespace.
//   receive PORT WARMUP MS   prints "listening", then the bytes and milliseconds that it received after the warm-up
//   send HOST PORT           sends until the other end closes
import { connect, createServer } from "node:net";

const receive = (port, warmUp, milliseconds) => {
  const server = createServer((socket) => {
    let bytes = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    setTimeout(() => {
      const [before, begin] = [bytes, performance.now()];
      setTimeout(() => {
        const result = { bytes: bytes - before, milliseconds: performance.now() - begin };
        process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
      }, milliseconds);
    }, warmUp);
  });
  server.listen({ port, host: "::" }, () => process.stdout.write("listening\n"));
};

const send = (host, port) => {
  const chunk = Buffer.alloc(65_536);
  const socket = connect({ host, port });
  socket.on("error", () => process.exit(0));
  socket.on("close", () => process.exit(0));
  const fill = () => {
    while (socket.write(chunk));
  };
  socket.on("connect", fill);
  socket.on("drain", fill);
};

const [verb, first, ...others] = process.argv.slice(2);
if (verb === "receive") receive(Number(first), ...others.map(Number));
else send(first, Number(others[0]));
