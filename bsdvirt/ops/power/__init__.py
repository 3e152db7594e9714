"""Start, stop and restart guests."""
