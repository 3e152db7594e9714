"""Copies of jails: what is their own in a copied root."""
