"""Many servers as one: the adapter, the seam between one server and the others."""
