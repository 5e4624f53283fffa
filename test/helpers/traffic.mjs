// The server of a TCP connection, and both ends of an exchange of UDP datagrams, run as a program inside a namespace.
//   listen PORT            answers each connection with the address it came from; prints "listening" once ready
//   listen-udp PORT        the same for datagrams
//   ask-udp HOST PORT MS FROM   sends a datagram from the local port FROM every 100 ms, and prints the first answer
import { createSocket } from "node:dgram";
import { createServer } from "node:net";

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

const listenUdp = (port) => {
  const socket = createSocket("udp6");
  socket.on("message", (_, { address, port: from }) => {
    socket.send(`${address.replace(/^::ffff:/, "")}\n`, from, address);
  });
  socket.bind(port, () => process.stdout.write("listening\n"));
};

const askUdp = (host, port, timeout, from) => {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.on("error", () => {});
  socket.on("message", (answer) => process.stdout.write(answer, () => process.exit(0)));
  socket.bind(from, () => setInterval(() => socket.send("?", port, host, () => {}), 100));
  setTimeout(() => fail("timeout"), timeout);
};

const [verb, ...args] = process.argv.slice(2);
if (verb === "listen") listen(Number(args[0]));
else if (verb === "listen-udp") listenUdp(Number(args[0]));
else if (verb === "ask-udp") askUdp(args[0], Number(args[1]), Number(args[2]), Number(args[3]));
