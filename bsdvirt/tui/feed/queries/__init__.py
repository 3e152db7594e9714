"""What views and details ask of a host, by subject."""
