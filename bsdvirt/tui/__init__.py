"""The terminal UI, over ops/ and the command line. See DESIGN.md."""
