"""What is not a socket: the page, its files, health, metrics, and the addresses to listen on."""
