"""Releases, images and media: downloaded, imported, listed, removed."""
