"""Stand-ins behind real interfaces."""
