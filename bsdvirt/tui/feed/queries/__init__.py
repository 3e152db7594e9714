"""What views and details ask of a host, by subject. What reads the host is imported when it is
asked: the first screen needs none of it."""
