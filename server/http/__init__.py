"""All that is plain HTTP: the page, its files, health, metrics, and the addresses to listen on."""
