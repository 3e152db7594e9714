"""Operations in the background: each is a bsdvirt command of its own."""
