"""A database of RPM in SQLite, as rpm 4.16 and later write it: headers by the package format, in the table ``Packages``."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

TAGS = {
    "name": 1000, "version": 1001, "release": 1002, "epoch": 1003, "arch": 1022, "source": 1044, "module": 5096,
    "places": 1116, "bases": 1117, "folders": 1118,
}  # fmt: skip
_INT32, _STRING, _STRINGS = 4, 6, 8
Values = Mapping[str, str | int | Sequence[str] | Sequence[int]]
OPENSSL: Values = {
    "name": "openssl-libs", "version": "3.0.7", "release": "25.el9", "epoch": 1, "arch": "x86_64",
    "source": "openssl-3.0.7-25.el9.src.rpm", "folders": ["/usr/lib64/"], "bases": ["libssl.so.3"], "places": [0],
}  # fmt: skip


def header(values: Values) -> bytes:
    """The header of a package that says *values*, by the names of `TAGS`."""
    index, store = [], b""
    for name, value in sorted(values.items(), key=lambda one: TAGS[one[0]]):
        numbers = [value] if isinstance(value, int) else value
        if isinstance(value, str):
            kind, count, data = _STRING, 1, value.encode() + b"\0"
        elif all(isinstance(one, int) for one in numbers):
            store += b"\0" * (-len(store) % 4)
            kind, count, data = _INT32, len(numbers), b"".join(struct.pack(">I", one) for one in numbers)
        else:
            kind, count, data = _STRINGS, len(numbers), b"".join(str(one).encode() + b"\0" for one in numbers)
        index.append(struct.pack(">IIiI", TAGS[name], kind, len(store), count))
        store += data
    return struct.pack(">II", len(index), len(store)) + b"".join(index) + store


def database(folder: Path, *headers: bytes, table: str = "Packages") -> bytes:
    """The bytes of a database with *headers*."""
    path = folder / "rpmdb.sqlite"
    path.unlink(missing_ok=True)
    with sqlite3.connect(path) as made:
        made.execute(f"CREATE TABLE {table} (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        made.executemany(f"INSERT INTO {table} (blob) VALUES (?)", [(one,) for one in headers])  # noqa: S608  # our own name
    made.close()
    data = bytearray(path.read_bytes())
    data[18:20] = b"\2\2"  # as rpm leaves it
    return bytes(data)
