"""The kernel of the simulated host: sysctl, processes, limits, mounts."""
