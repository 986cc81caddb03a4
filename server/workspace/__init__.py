"""The project that is a directory on this machine: what is mirrored, and how."""
