"""Processes that serve devices of a running guest."""
