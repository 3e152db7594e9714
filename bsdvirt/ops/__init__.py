"""Operations: facts in, plans made, plans run under locks. What cli and tui call."""
