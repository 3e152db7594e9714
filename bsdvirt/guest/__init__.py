"""What every guest has, of either kind."""
