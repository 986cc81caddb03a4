"""Who there is: users, their rights, their sockets, what they are told."""
