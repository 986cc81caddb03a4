"""Files that several people edit at once: changes, and the authority that puts them in order."""
