"""Specifications: the properties of guests, networks and the host, each declared once. Pure."""
