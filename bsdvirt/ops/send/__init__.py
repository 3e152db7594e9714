"""Send guests to other hosts, and receive them."""
