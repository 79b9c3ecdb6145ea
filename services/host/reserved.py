"""Names that no hosted server may have, because this server has something else at that path."""

from __future__ import annotations

RESERVED = frozenset(
    {
        *("mcp", "prefect", "open", "login", "logout", "livez", "readyz", "startupz", "metrics", "static", "status", "sse"),
        *("messages", "artifacts", "artifact", "subjects", "subject", "evidence", "gates", "policies", "runs", "api", "docs"),
        *("host", "hosted", "servers", "catalog", "approvals", "admission", "well-known", "favicon", "robots", "healthz"),
    }
)
