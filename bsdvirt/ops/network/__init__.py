"""Networks, forwarded ports, and the packet filter."""
