"""CPUs and limits of guests of every kind."""
