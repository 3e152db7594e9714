"""Snapshots of guests of either kind."""
