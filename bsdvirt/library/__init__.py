"""Releases, images and media: what guests are made of, and how it is fetched."""
