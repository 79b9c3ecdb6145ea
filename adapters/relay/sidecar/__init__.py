"""The relay before one server, in the server's own pod: ``arcops-sidecar``."""
