"""What the kernel of the simulated host answers: sysctl, processes, limits, mounts."""
