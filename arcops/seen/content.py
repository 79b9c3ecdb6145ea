"""What a file is, by its own bytes: from its header and a scan of the code that it would run."""

from __future__ import annotations

from arcops.late_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of some tensors, without listing them: how many, and a digest that is the same only for the same names.

    ``digest`` is lower-case hex SHA-256 over the sorted names as a list in JSON, in ASCII.
    """

    count: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A file that an index names, relative to the index's folder, and the tensors that the index says are in it."""

    path: str
    names: Names


@dataclass(frozen=True, slots=True, kw_only=True)
class RawData:
    """A file of raw data that a graph names, relative to the graph's folder, and how many bytes of it the graph needs."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What a GGUF file says of the set that it is a part of: its ``number`` from 0, of ``count`` files, which together hold
    ``tensors`` tensors (-1: it does not say). ``marks`` has 12 hex digits for each of its own tensors, of the SHA-256 of the
    tensor's name, sorted: two files with a tensor of the same name share a mark.
    """

    number: int
    count: int
    tensors: int
    marks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A model that a loader would fetch from elsewhere because this file names it: the ``key`` in the file, the ``name`` (empty
    if the file is of an adapter and names no base) and the ``revision``, empty if the file pins none."""

    key: str
    name: str
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongs:
    """What a file says of what it belongs together with. ``tensors`` are the names of the tensors in the file, if its reader
    sees them. ``shards`` are the files of an index of tensors. ``split`` is what a GGUF file says of its set. ``bases`` are
    models that a loader fetches from elsewhere. ``data`` is what a graph needs of the files beside it."""

    tensors: Names | None = None
    shards: tuple[Shard, ...] = ()
    split: Split | None = None
    bases: tuple[Base, ...] = ()
    data: tuple[RawData, ...] = ()


NOTHING_MORE = Belongs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """``format`` is what the bytes show (``safetensors``, ``gguf``, ``pickle``, ``torch-zip``, ``elf``, ``text``, ``other``…).
    A text file is ``text`` if no tool runs a file of that name, ``python``, ``build-file``, ``web-page``… if a tool does, and
    ``unknown-text`` under any other name.

    ``imports`` are the ``module.name`` globals that loading the file would import. ``problems`` are sentences: a false header,
    a parse error, an escape. ``code`` says that usual loading of this format runs code that the file brings.

    ``refers`` are files, relative to the folder of this one, that a loader would open because this file names them.
    ``operators`` are the operators, or their domains, that only an extension of the runtime can execute. ``notes`` are worth
    reading, but are not faults: a chat template, a class that is named to be loaded. ``holds`` are the formats of the files
    inside an archive. All tuples are sorted and without repeats. ``belongs`` is what the file says of its set and its base.
    """

    format: str
    imports: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    code: bool = False
    refers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    belongs: Belongs | None = None

    @property
    def of(self) -> Belongs:
        """``belongs``, with nothing in it if the file says nothing."""
        return self.belongs or NOTHING_MORE


UNDESCRIBED = Content(
    format="undescribed",
    problems=("it was not looked into, because no gate of that check asked for it; check again with this policy",),
    code=True,
)
"""A file of a check whose gates judge names and digests only. Any other gate that meets it later must find a fault."""
