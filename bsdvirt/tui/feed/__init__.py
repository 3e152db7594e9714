"""Reading hosts: this one, and others over ssh."""
