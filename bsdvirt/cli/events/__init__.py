"""Events for programs, and the logs of operations."""
