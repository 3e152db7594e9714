"""bsdvirt: jails and bhyve virtual machines on FreeBSD, on ZFS, from one tool."""

__version__ = "0.1.0"
