"""Interfaces, routes and pf(4) of the simulated host."""
