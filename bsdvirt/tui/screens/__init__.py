"""Screens over the main one: command line, palette, help, menus, settings."""
