"""Virtual machines: where their devices are, bhyve's configuration, and plans."""
