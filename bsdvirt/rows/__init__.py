"""What the verbs that read print: one type a row, from which tables, JSON and its schema come."""
