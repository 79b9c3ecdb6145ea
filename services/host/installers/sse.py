"""Servers of other machines over HTTP+SSE: as those over streamable HTTP, which say their transport with their address."""

from services.host.installers.remote import install, launch, resolve

__all__ = ["install", "launch", "resolve"]
