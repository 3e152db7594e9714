"""Snapshots of guests: what they consist of, and the plans that take and remove them. Pure."""
