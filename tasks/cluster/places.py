"""The places in an object of Kubernetes that most readers ask for."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.kubernetes.manifests.fields import Field, text_at


def name_of(one: Field) -> str:
    return text_at(one.within("metadata", "name"))


def namespace_of(one: Field) -> str:
    return text_at(one.within("metadata", "namespace"))


def items_of(one: Field, *names: str) -> Iterator[Field]:
    found = one.within(*names[:-1])
    if found is not None:
        yield from found.items(names[-1])
