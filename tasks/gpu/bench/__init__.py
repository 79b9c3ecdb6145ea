"""Drills on a processor or a GPU, in sessions, beside a canary."""
