"""The user's own folders: for configuration, data, state and cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NAME = "arcops"
_XDG = (
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
    ("XDG_CACHE_HOME", ".cache"),
)


def user_homes() -> tuple[Path, Path, Path, Path]:
    """The folders of configuration, data, state and cache, as platformdirs names them.

    On Linux that is the XDG Base Directory Specification, which is implemented here, because importing platformdirs takes as
    long as starting the interpreter, and every `arcops verify` would wait for it.
    """
    home = os.environ.get("HOME", "")
    if sys.platform == "linux" and home.startswith("/"):
        config, data, state, cache = (_xdg(name, Path(home) / usual) / _NAME for name, usual in _XDG)
        return config, data, state, cache
    import platformdirs

    return (
        platformdirs.user_config_path(_NAME),
        platformdirs.user_data_path(_NAME),
        platformdirs.user_state_path(_NAME),
        platformdirs.user_cache_path(_NAME),
    )


def _xdg(name: str, usual: Path) -> Path:
    """The specification ignores a path that is not absolute."""
    named = os.environ.get(name, "")
    return Path(named) if named.startswith("/") else usual
