"""bhyve(8), bhyvectl(8) and bhyveload(8), and the system in a simulated virtual machine."""
