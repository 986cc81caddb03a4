"""What one peer, one address and all peers together may take."""
