"""What the host and its guests use, as the tools of the base system show it."""
