"""Every capability once: a typed request, a typed answer, and one function between them. Doors call these and nothing below."""
