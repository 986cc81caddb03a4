// Makes the official emitter publish one message of each kind. Usage: node emitter.mjs REDIS_URL
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";

const client = createClient({ url: process.argv[2] });
await client.connect();
const emitter = new Emitter(client);
emitter.emit("hello", 1, { a: [null] });
emitter.to("red").except("blue").volatile.compress(false).emit("x", Buffer.from([0, 255]));
emitter.of("side").to(["a", "b"]).emit("y");
emitter.in("red").socketsJoin(["a", "b"]);
emitter.except("red").socketsLeave("a");
emitter.disconnectSockets(true);
emitter.serverSideEmit("tell", "ä");
await client.quit();
