"""Upgrades of jails: a new root from a newer release, and back."""
