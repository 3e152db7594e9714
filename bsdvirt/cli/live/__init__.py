"""What a host uses, shown again and again: on a terminal with keys, as text, or as JSON."""
