"""Copies of virtual machines."""
