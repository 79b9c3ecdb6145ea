"""Models that a loader fetches from elsewhere because a file of the model names them: only those that the policy allows."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.errors import Refused
from arcops.evidence import Evidence
from arcops.finding import Finding, Location, Rule
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.seen.content import Base
from arcops.seen.tree import FileSeen, Tree
from gates.words import shown

_DIGEST = late(r"sha256:[0-9a-f]{64}")
_FIX = (
    "Check the model that is named by itself. Then add it to 'bases', with its name and the digest that this check shows. Or "
    "merge it into this model."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedBase:
    """A model elsewhere that files of a model may name: ``name`` exactly as they say it.

    ``digest`` (``sha256:…``) is that of the model's content, as its own check shows it: without one, the name is allowed with a
    warning, because what has that name can change. ``revision``, if it is set, must be the one that the file pins.
    """

    name: str
    digest: str = ""
    revision: str = ""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise Refused("a base has no name; 'bases' lists models by 'name' and 'digest'")
        if self.digest and not _DIGEST.fullmatch(self.digest):
            raise Refused(f"the base {self.name!r} has the digest {self.digest[:100]!r}; it is 'sha256:' and 64 hex digits")


def bases(rule: Rule, tree: Evidence[Tree], allowed: tuple[AllowedBase, ...]) -> Iterator[Finding]:
    """One finding for each model elsewhere that a file names."""
    naming = [file for file in tree.body.files if file.content.of.bases]
    named = {_folder(file) for file in naming if any(base.name for base in file.content.of.bases)}
    for file in naming:
        for base in file.content.of.bases:
            if base.name:
                yield _named(rule, tree, file, base, [one for one in allowed if one.name == base.name])
            elif _folder(file) not in named:
                path = shown(file.path)
                text = f"{path} holds only an adapter, which changes another model, and no configuration beside it names that."
                yield rule.fails(text, tree, about=path, location=Location(path=path), fix=_FIX)


def _named(rule: Rule, tree: Evidence[Tree], file: FileSeen, base: Base, allowed: list[AllowedBase]) -> Finding:
    path, name = shown(file.path), shown(base.name)
    about, location = f"{name} in {path}", Location(path=path)
    said = f"{path} names the model {name} ({shown(base.key)}), which a loader fetches from elsewhere"
    if not allowed:
        return rule.fails(f"{said}; the policy does not allow that base.", tree, about=about, location=location, fix=_FIX)
    fitting = [one for one in allowed if not one.revision or one.revision == base.revision]
    if not fitting:
        pinned = f"the revision {shown(base.revision)}" if base.revision else "no revision"
        wanted = " or ".join(sorted({one.revision for one in allowed}))
        return rule.fails(
            f"{said}, and pins {pinned}; the policy allows {wanted}.", tree, about=about, location=location, fix=_FIX
        )
    digests = sorted({one.digest for one in fitting if one.digest})
    if not digests:
        return rule.warns(
            f"{said}; the policy allows that name, but no digest, so any content can have it.",
            tree,
            about=about,
            location=location,
            fix="Add the digest of the model to its entry under 'bases'.",
        )
    return rule.passes(
        f"{said}; the policy allows it as {' or '.join(digests)}. It was not seen here: check it by itself.",
        tree,
        about=about,
        location=location,
    )


def _folder(file: FileSeen) -> str:
    return file.path.rpartition("/")[0]
