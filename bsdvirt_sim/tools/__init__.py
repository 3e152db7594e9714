"""Other tools of the base system."""
