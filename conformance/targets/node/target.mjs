// The handlers of the official protocol suites on the official server; reference.py is the same on
// this project's. Usage: node target.mjs [PORT [PING_INTERVAL PING_TIMEOUT]], the port 0 for any free
// one, times in milliseconds; prints `ready http://HOST:PORT`.
import { createServer } from "node:http";
import { Server as Engine } from "engine.io";
import { Server } from "socket.io";

const [port = 3000, pingInterval = 300, pingTimeout = 200] = process.argv.slice(2).map(Number);

const settings = {
  pingInterval,
  pingTimeout,
  maxHttpBufferSize: 1_000_000,
  cors: { origin: "*" },
};

const http = createServer((request, response) => response.writeHead(404).end());

const engine = new Engine(settings);
engine.on("connection", (session) => session.on("data", (data) => session.send(data)));
engine.attach(http, { path: "/engine.io/" });

const io = new Server(http, { ...settings, connectTimeout: 1_000, serveClient: false });
io.on("connection", (socket) => {
  socket.emit("auth", socket.handshake.auth);
  socket.on("message", (...args) => socket.emit("message-back", ...args));
  socket.on("message-with-ack", (...args) => {
    const acknowledge = args.pop();
    acknowledge(...args);
  });
});
io.of("/custom").on("connection", (socket) => socket.emit("auth", socket.handshake.auth));

http.listen(port, "127.0.0.1", () => {
  console.log(`ready http://127.0.0.1:${http.address().port}`);
});

process.once("SIGTERM", () => process.exit());
