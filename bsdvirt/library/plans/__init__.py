"""Plans that make and remove releases, images and media. Pure."""
