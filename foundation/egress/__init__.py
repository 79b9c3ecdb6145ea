"""The one way out: the only room that opens a connection to elsewhere, or imports a client that does.

`destination` reads an address, `permission` decides whether a tier reaches it, and the others open what is allowed: `stream`
(TCP and TLS), `tls` (who the other side must be), `web` (HTTP), `behind` (a server of ours on this machine), `protocol` (MCP),
`cluster` (a Kubernetes API server), `spans` (OTLP). Each asks `permission` itself, and imports its client only when it opens
something. A socket that listens is no way out, and stays where it is served.
"""
