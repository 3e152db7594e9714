"""Guests that are sent to other hosts: what is sent, and the plans of both sides. Pure."""
