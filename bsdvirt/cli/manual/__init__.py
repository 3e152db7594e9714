"""Show the part of the manual that `bsdvirt help VERB` asks for."""
