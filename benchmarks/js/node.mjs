// The official server with all its defaults. Usage: node node.mjs PORT

import { createServer } from "node:http";
import { Server } from "socket.io";
import { handle } from "./handlers.mjs";

const http = createServer();
handle(new Server(http));
http.listen(Number(process.argv[2]), "127.0.0.1");
