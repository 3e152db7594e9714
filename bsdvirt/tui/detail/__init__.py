"""What is known of one guest."""
