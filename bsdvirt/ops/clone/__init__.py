"""Make guests of the snapshots of others."""
