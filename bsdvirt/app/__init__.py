"""Operations: facts in, plan made, plan run, under locks. What cli, tui and boot call."""
