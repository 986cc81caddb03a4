"""What an event is: its payload, its rights, its answer, what it announces."""
