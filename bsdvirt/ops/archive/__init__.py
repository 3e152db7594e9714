"""Export guests to archives, and import them."""
