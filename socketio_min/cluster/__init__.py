"""Who receives a broadcast: the adapter, the seam between one server and many."""
