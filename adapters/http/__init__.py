"""The front: one ASGI application for every door that is reached over HTTP, and the process that serves it.

It checks what holds for all of them (which host was asked for, from which origin, by whom) and then hands the request to the
part that answers it: the evidence pages, MCP, Prefect, admission, health and metrics.
"""
