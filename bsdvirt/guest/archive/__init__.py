"""Archives of guests: their manifest, and the plans that write and read them. Pure."""
