"""Snapshots: taking them, going back to them, holds, and what changed since."""
