"""What only a real API server shows; skipped, and said, without one."""
