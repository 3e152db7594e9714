"""The one table of actions, and what is made from it: keys, footer, palette, help, menus."""
