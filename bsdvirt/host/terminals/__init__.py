"""The caller's terminal, and those of commands that run in guests."""
