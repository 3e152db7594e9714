"""Events for programs, and --ask."""
