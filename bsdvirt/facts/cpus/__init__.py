"""Facts about CPUs: how the host's are connected, and where guests may run."""
