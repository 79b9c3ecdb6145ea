"""What a server said at its handshake, held against what its resource says of it (``protocol`` and ``capabilities``). Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def unlike(
    versions: Collection[str], capabilities: Collection[str], *, wanted: Collection[str], promised: Mapping[str, bool]
) -> str:
    """Why a server that speaks the revisions *versions* of MCP and has *capabilities* is not what its resource says; empty if
    it is. It has to speak one of *wanted* (empty: any), and has each capability that is *promised*, and none that is denied.
    """
    if not versions:
        return "it did not shake hands in any revision of MCP"
    if wanted and not set(wanted) & set(versions):
        return f"it speaks MCP {_words(versions)}, and its resource asks for {_words(wanted)}"
    lacking = [name for name, there in promised.items() if there and name not in capabilities]
    if lacking:
        return f"it does not offer {_words(lacking)}, as its resource says; it offers {_words(capabilities) or 'nothing'}"
    more = [name for name, there in promised.items() if not there and name in capabilities]
    return f"it offers {_words(more)}, which its resource says that it does not" if more else ""


def _words(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
