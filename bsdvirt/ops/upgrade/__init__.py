"""What is outdated, and upgrades of jails."""
