"""One use of bsdvirt: host, configuration, locks, executor, recovery."""
