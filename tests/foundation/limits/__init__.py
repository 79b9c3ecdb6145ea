"""Tests of how often callers may call."""
