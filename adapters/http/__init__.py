"""The front: one ASGI application for every door that is reached over HTTP, and the process that serves it.

It makes the checks that all of them need (host name, origin, caller) and then gives the request to the part that answers it:
the evidence pages, MCP, Prefect, admission, health and metrics.
"""
