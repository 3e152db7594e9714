"""What the host and a jail's root show, for its start."""
