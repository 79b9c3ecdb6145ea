"""Simulators with real interfaces for what a test cannot have: a driver's library, small servers."""
