"""What the host shows now: one module a tool of the base system, its command and its parser."""
