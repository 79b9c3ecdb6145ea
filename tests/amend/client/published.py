"""What clients' own schemas and readers take, as facts: each kind of entry, its keys with their types, and those that it needs.

Read from the sources that each names. The words are ours; a schema of theirs is not part of this project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of entry. ``keys`` have one of the types ``text texts map yes number``, or the texts that are allowed.

    ``more``: keys that it does not know are ignored and not refused.
    """

    needs: frozenset[str]
    keys: Mapping[str, str | tuple[str, ...]]
    more: bool = False


def _kind(needs: str, *, more: bool = False, **keys: str | tuple[str, ...]) -> Kind:
    return Kind(needs=frozenset(needs.split()), keys=keys, more=more)


PUBLISHED: Mapping[str, tuple[str, tuple[Kind, ...]]] = {
    "vscode": (
        "microsoft/vscode src/vs/workbench/contrib/mcp/common/mcpConfiguration.ts at 0b37532",
        (
            _kind("", type=("stdio",), command="text", cwd="text", args="texts", envFile="text", env="map"),
            _kind("url", type=("http", "sse"), url="text", headers="map"),
        ),
    ),
    "zed": (
        "zed-industries/zed crates/settings_content/src/project.rs at 68db213",
        (
            _kind("command", more=True, command="text", args="texts", env="map", timeout="number", enabled="yes", remote="yes"),
            _kind("url", more=True, url="text", headers="map", timeout="number", enabled="yes"),
        ),
    ),
    "goose": (
        "block/goose crates/goose/src/agents/extension.rs at d4c86e9, and the entry in config/extensions.rs at 0beee6a",
        (
            _kind(
                "enabled type name description cmd args",
                more=True,
                enabled="yes",
                type=("stdio",),
                name="text",
                description="text",
                cmd="text",
                args="texts",
                envs="map",
                env_keys="texts",
                timeout="number",
                bundled="yes",
                available_tools="texts",
            ),
            _kind(
                "enabled type name description uri",
                more=True,
                enabled="yes",
                type=("streamable_http",),
                name="text",
                description="text",
                uri="text",
                envs="map",
                env_keys="texts",
                headers="map",
                timeout="number",
                bundled="yes",
                available_tools="texts",
            ),
        ),
    ),
    "codex": (
        "openai/codex codex-rs/config/src/mcp_types.rs at 00b17c2",
        (
            _kind(
                "command",
                command="text",
                args="texts",
                env="map",
                env_vars="texts",
                enabled_tools="texts",
                disabled_tools="texts",
            ),
            _kind(
                "url",
                url="text",
                bearer_token_env_var="text",
                http_headers="map",
                env_http_headers="map",
                enabled_tools="texts",
                disabled_tools="texts",
            ),
        ),
    ),
}
"""By family: the source, and its kinds. Cursor publishes none; clients that are run (`make test-clients`) need none here."""

IGNORED = {"zed": frozenset(("source",))}
"""Keys that we write for older versions of a client, which a newer one ignores."""
