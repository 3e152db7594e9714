"""Jails: their configuration, releases, and plans."""
