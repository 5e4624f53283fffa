// Streams and datagrams of random bytes, compared at both ends by their SHA-256, run as a program inside a namespace.
//   listen PORT                    TCP and UDP: answers with the number of bytes and their digest; prints "listening" once ready
//   stream HOST PORT BYTES MS      sends a stream, prints its own digest and the one that was answered
//   datagram HOST PORT BYTES MS    the same for one datagram, sent again every 500 ms until it is answered
import { createHash, randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

const digestOf = (bytes) => `${bytes.length} ${createHash("sha256").update(bytes).digest("hex")}`;

const fail = (reason) => {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
};

const finish = (bytes, answer) => {
  process.stdout.write(`${digestOf(bytes)}\n${answer}\n`, () => process.exit(0));
};

const listen = (port) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const chunks = [];
    socket.on("error", () => {});
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("end", () => socket.end(digestOf(Buffer.concat(chunks))));
  });
  const datagrams = createSocket("udp6");
  datagrams.on("message", (bytes, from) => datagrams.send(digestOf(bytes), from.port, from.address));
  datagrams.bind(port, () => server.listen({ port, host: "::" }, () => process.stdout.write("listening\n")));
};

const stream = (host, port, bytes) => {
  const socket = connect({ host, port, allowHalfOpen: true });
  const answer = [];
  socket.on("error", (error) => fail(error.message));
  socket.on("data", (chunk) => answer.push(chunk));
  socket.on("end", () => finish(bytes, Buffer.concat(answer).toString()));
  socket.end(bytes);
};

const datagram = (host, port, bytes) => {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  socket.on("error", (error) => fail(error.message));
  socket.on("message", (answer) => finish(bytes, answer.toString()));
  const send = () => socket.send(bytes, port, host);
  send();
  setInterval(send, 500);
};

const [verb, ...args] = process.argv.slice(2);
if (verb === "listen") {
  listen(Number(args[0]));
} else {
  const [host, port, size, milliseconds] = args;
  setTimeout(() => fail("timeout"), Number(milliseconds));
  (verb === "stream" ? stream : datagram)(host, Number(port), randomBytes(Number(size)));
}
