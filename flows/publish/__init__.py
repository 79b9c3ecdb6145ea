"""Publishing: every artifact that was kept is told to those who wait for it, in the order of the log."""
