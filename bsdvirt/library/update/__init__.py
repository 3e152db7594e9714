"""Updates of releases: their patch levels, freebsd-update(8)."""
