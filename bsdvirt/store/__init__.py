"""Where things lie, and what is there: datasets, guests, networks, files."""
