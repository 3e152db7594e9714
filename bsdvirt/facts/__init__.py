"""Facts about the host: one module for each tool of the base system, with its command and its
parser."""
