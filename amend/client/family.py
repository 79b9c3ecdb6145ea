"""A family of MCP clients: what its configuration looks like, in which files it lies, and what it cannot express.

Facts about clients have a source and a date, because clients change: if two sources disagree, the family says so in a note.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from arcops.errors import Refused
from arcops.quoting import quoted
from arcops.seen.client import Input, Setting, Transport, Wanted

Value = str | bool | int | list["Value"] | dict[str, "Value"]
Entry = dict[str, Value]


class Form(Enum):
    """The format of a client's file."""

    JSON = "json"
    JSONC = "jsonc"
    TOML = "toml"
    YAML = "yaml"


class Mode(Enum):
    """``ADDITIVE``: our servers stand beside the user's own in one file. ``EXCLUSIVE``: the file is ours, and whole."""

    ADDITIVE = "additive"
    EXCLUSIVE = "exclusive"


class Missing(Enum):
    """What a client does with a variable that is not set."""

    LITERAL = "it is left as written"
    EMPTY = "it becomes an empty text"
    ASKED = "the client asks the user"
    NAMED = "the client passes what is set, by name"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A file that the client reads, by operating system; empty if it does not exist or is not known.

    ``surface`` is its name among the family's files: ``user``, ``project`` or ``managed``. ``~`` is the user's folder, and
    ``%APPDATA%`` and the like are variables of Windows.
    """

    surface: str
    mode: Mode = Mode.ADDITIVE
    linux: str = ""
    macos: str = ""
    windows: str = ""

    def on(self, system: str) -> str:
        """The path on *system*: ``linux``, ``macos`` or ``windows``."""
        return {"linux": self.linux, "macos": self.macos, "windows": self.windows}.get(system, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaVersion:
    """One version of a family's form: SemVer ``version``, the ``key`` under which the entries stand, and its JSON Schema.

    ``clients`` are the client's versions that read it; ``until`` is the date (YYYY-MM-DD) from which it may be gone, or empty.
    ``entry`` makes a server's entry, or raises `Refused`; ``inputs`` makes the list of inputs if the client has one.
    """

    version: str
    key: tuple[str, ...]
    clients: str
    schema: Mapping[str, Value]
    entry: Callable[[Wanted], Entry]
    until: str = ""
    inputs: Callable[[tuple[Input, ...]], list[Value]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One family. ``schemas`` are the newest first. ``lists`` is the client's own command that lists what it has read.

    ``variables`` is how it spells an input; ``notes`` are its limits and traps, ``sources`` and ``dated`` say who said so,
    and when.
    """

    id: str
    title: str
    form: Form
    files: tuple[Where, ...]
    schemas: tuple[SchemaVersion, ...]
    transports: tuple[Transport, ...]
    variables: str
    missing: Missing
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    dated: str
    lists: tuple[str, ...] = ()
    row: str = ""
    """The form of the line with which a server begins in that list, as a regular expression with the group ``name``."""
    row_tells: bool = True
    """Whether the list shows the command or address, too."""

    def schema(self, version: str = "") -> SchemaVersion:
        """The form of that *version*, or the newest. Raises `Refused` naming those that there are."""
        for one in self.schemas:
            if version in ("", one.version):
                return one
        known = ", ".join(one.version for one in self.schemas)
        raise Refused(f"{self.id} has no schema version {quoted(version, 40)}; it has {known}")

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The ways in which its configuration can be put."""
        return tuple(dict.fromkeys(one.mode for one in self.files))


def cannot(wanted: Wanted, client: str, what: str, instead: str) -> Refused:
    """The refusal of what a client cannot express."""
    return Refused(f"{client} cannot express {what} of the server {quoted(wanted.name)}; {instead}")


def settings(given: tuple[Setting, ...], spell: Callable[[str], str]) -> dict[str, Value]:
    """*given* as an object, each input as *spell* spells it."""
    return {one.name: one.before + (spell(one.input) if one.input else "") for one in given}


def only_text(wanted: Wanted, client: str) -> None:
    """Raises `Refused` if *wanted* has an input: *client* expands nothing, or how it does was not measured."""
    for one in (*wanted.env, *wanted.headers):
        if one.input:
            raise cannot(
                wanted, client, f"the input {quoted(one.input)}", "start the server so that it finds the value by itself"
            )


def no_filter(wanted: Wanted, client: str) -> None:
    """Raises `Refused` if *wanted* limits tools, which *client* has no field for."""
    if wanted.tools or wanted.denied_tools:
        raise cannot(wanted, client, "a limit of tools", "deny the server for this client, or limit its tools at the server")


def no_before(wanted: Wanted, client: str, given: tuple[Setting, ...]) -> None:
    """Raises `Refused` if an input has text before it, because *client* passes only whole variables by name."""
    for one in given:
        if one.input and one.before:
            raise cannot(
                wanted, client, f"{quoted(one.name)} as text with an input after it", "let the input be the whole value"
            )
