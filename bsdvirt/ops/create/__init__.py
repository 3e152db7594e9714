"""Create and destroy guests."""
