"""The host's start and its end: in which order guests come up and go down."""
