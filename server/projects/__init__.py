"""Projects: their members, files, locks, versions, and their directory on this machine."""
