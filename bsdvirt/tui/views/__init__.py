"""What the number keys show."""
