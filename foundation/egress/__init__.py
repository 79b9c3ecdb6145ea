"""The one way out: the only package that opens a connection to another machine, or imports a client that does.

`destination` reads an address, `permission` decides whether a tier reaches it, and the others open what is allowed: `stream`
(TCP and TLS), `tls` (the identity of the other side), `web` (HTTP), `behind` (a server of ours on this machine),
`cluster` (a Kubernetes API server), `spans` (OTLP), `postgresql`, `redis_server`. `remotes` leaves one that does not
answer alone for a while (`breaker`). Each asks `permission` itself, and imports its client
only when it opens something. A socket that listens is not a way out; it stays in the module that serves it.
"""
