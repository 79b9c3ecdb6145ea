"""Sending what was kept to those who wait for it."""
