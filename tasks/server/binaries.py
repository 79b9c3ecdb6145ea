"""Is a file code of a processor? By its first bytes: ELF, PE, Mach-O, WebAssembly (their specifications), not by its name."""

from __future__ import annotations

_BEGINS = {
    b"\x7fELF": "ELF",
    b"\0asm": "WebAssembly",
    b"\xcf\xfa\xed\xfe": "Mach-O",
    b"\xce\xfa\xed\xfe": "Mach-O",
    b"\xfe\xed\xfa\xcf": "Mach-O",
    b"\xfe\xed\xfa\xce": "Mach-O",
}


def native(data: bytes) -> str:
    """What kind of native code a file that begins with *data* is; empty if it is no such code."""
    found = _BEGINS.get(data[:4], "")
    if not found and data[:2] == b"MZ" and len(data) >= 64:
        at = int.from_bytes(data[60:64], "little")
        found = "PE" if data[at : at + 4] == b"PE\0\0" or at > len(data) else ""
    if not found and data[:4] == b"\xca\xfe\xba\xbe" and int.from_bytes(data[4:8], "big") < 40:  # else a class of Java
        found = "Mach-O"
    return found
