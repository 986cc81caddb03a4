// What every server does, whoever hosts it; see ../servers for the same in Python.

export function handle(io) {
  io.on("connection", (socket) => {
    socket.on("message", (...args) => {
      socket.emit("message-back", ...args);
    });
    socket.on("amessage", async (...args) => {
      socket.emit("message-back", ...args);
    });
    socket.on("message-with-ack", (...args) => {
      const acknowledge = args.pop();
      acknowledge(...args);
    });
    socket.on("join", (room, acknowledge) => {
      socket.join(room);
      acknowledge();
    });
    socket.on("fan", (room, payload) => {
      io.to(room).emit("fan", payload);
    });
  });
}
