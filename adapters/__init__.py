"""The doors: every capability once as a typed function, and the thin clients of it."""
