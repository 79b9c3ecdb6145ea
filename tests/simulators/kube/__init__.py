"""A Kubernetes API server in pure Python, with fake controllers and a kubelet whose pods are local processes.

It stands in for a real API server in tests, and is held to what Kubernetes publishes: the API conventions
(contributors/devel/sig-architecture/api-conventions.md), "Kubernetes API Concepts" (watches, pages, `resourceVersion`), and
"Server-Side Apply". What it cannot show (the cost of CEL, admission plugins of the real server, a real kubelet) is in
``tests/adapters/cluster``.
"""
