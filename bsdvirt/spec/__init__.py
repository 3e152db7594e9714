"""What is wanted: the properties, declared once. Pure, and imports nothing of ours but errors."""
