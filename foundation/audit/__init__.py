"""The audit log: who did what, when, to what, and how it ended, on a Merkle log that shows every later change."""
