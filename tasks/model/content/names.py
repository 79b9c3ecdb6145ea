"""Paths that a file names: what is wrong with each, if anything."""

from __future__ import annotations


def fault_of(path: str) -> str:
    """Why *path*, named in a file, must not be opened below a folder; empty if it may."""
    if not path:
        return "has no name"
    if any(ord(char) < 32 or ord(char) == 127 for char in path):
        return "has a control character in its name"
    if "\\" in path:
        return "has a backslash in its name, which some systems read as a separator of folders"
    if path.startswith("/") or path[1:2] == ":":
        return "is named by an absolute path"
    if ".." in path.split("/"):
        return "points out of its folder"
    return ""
