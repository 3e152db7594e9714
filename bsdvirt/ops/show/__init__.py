"""What is shown of guests."""
