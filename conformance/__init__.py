"""A test of Socket.IO servers, a reference to see it pass, and in `js` the official clients."""
