"""Guests of other tools, and disk images and archives of others, become guests of ours."""
