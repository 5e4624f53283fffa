// UDP clients that never stop asking a server of traffic.mjs: one from one port, and one from a new port each time. Run as a program
// inside a namespace.
//   steady-traffic HOST PORT   prints "steady" after the first answers; at SIGTERM it waits for what is on its
//                              way, and prints {"asked": NUMBER, "lost": NUMBER} for both clients together
import { createSocket } from "node:dgram";

const [host = "", port = ""] = process.argv.slice(2);
const kind = host.includes(":") ? "udp6" : "udp4";
/** Between two questions, and the longest an answer may take. */
const PAUSE = 5;
const PATIENCE = 3000;

let asked = 0;
let answered = 0;
let isSteady = false;
let isEnding = false;

const note = () => {
  answered++;
  if (!isSteady && answered > 20) {
    isSteady = true;
    process.stdout.write("steady\n");
  }
};

const ask = (socket) => {
  asked++;
  socket.send("?", Number(port), host, () => {});
};

const established = createSocket(kind);
established.on("message", note);
established.on("error", () => {});

const askFromNewPort = () => {
  const socket = createSocket(kind);
  socket.on("error", () => {});
  socket.once("message", () => {
    note();
    socket.close();
  });
  ask(socket);
};

const timer = setInterval(() => {
  ask(established);
  askFromNewPort();
}, PAUSE);

const end = (deadline) => {
  if (answered < asked && Date.now() < deadline) {
    setTimeout(end, PAUSE, deadline);
    return;
  }
  process.stdout.write(`${JSON.stringify({ asked, lost: asked - answered })}\n`, () => process.exit(0));
};

const stop = () => {
  if (isEnding) return;
  isEnding = true;
  clearInterval(timer);
  end(Date.now() + PATIENCE);
};
process.on("SIGTERM", stop);
