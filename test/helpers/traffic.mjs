// Both ends of a TCP connection, run as a program inside a namespace.
//   listen PORT            answers each connection with the address it came from; prints "listening" once ready
//   connect HOST PORT MS   prints what the other end answered; exit code 1 when nothing answers in time
import { connect, createServer } from "node:net";

const listen = (port) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(`${socket.remoteAddress?.replace(/^::ffff:/, "")}\n`);
  });
  server.listen({ port, host: "::" }, () => process.stdout.write("listening\n"));
};

const fail = (reason) => {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
};

const request = (host, port, timeout) => {
  const socket = connect({ host, port });
  setTimeout(() => fail("timeout"), timeout);
  socket.on("error", (error) => fail(error.message));
  socket.pipe(process.stdout);
  socket.on("close", () => process.exit(0));
};

const [verb, ...args] = process.argv.slice(2);
if (verb === "listen") listen(Number(args[0]));
else request(args[0], Number(args[1]), Number(args[2]));
