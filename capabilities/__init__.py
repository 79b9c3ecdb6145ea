"""Every capability once: a typed ask, a typed answer, and one function from one to the other. Doors call only these."""
