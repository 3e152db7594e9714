"""jail(8), jexec(8) and jls(8), and the world inside a simulated jail."""
