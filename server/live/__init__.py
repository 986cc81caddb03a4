"""What nobody keeps: presence, cursors, typing, batches, pings."""
