"""Stand-ins behind real interfaces for what cannot be had in a test: a driver's library, small servers."""
