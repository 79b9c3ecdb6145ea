"""The cache of digests: what was remembered of a file is what was found in it, whatever that was."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.content import NOTHING_MORE, UNDESCRIBED, Base, Belongs, Content, Names, RawData, Shard, Split
from tasks.files.digest_cache import DigestCache, RememberedFile
from tasks.files.walk import FileIdentity, WalkedEntry

pytestmark = pytest.mark.requirement("ARC-A5/unexpected-files-are-red")

TEXTS = st.lists(st.text(max_size=9), max_size=3).map(tuple)
NAMES = st.builds(Names, count=st.integers(0, 9), digest=st.text("0123456789abcdef", max_size=8))
BELONGS = st.builds(
    Belongs,
    tensors=st.none() | NAMES,
    shards=st.lists(st.builds(Shard, path=st.text(max_size=9), names=NAMES), max_size=2).map(tuple),
    split=st.none()
    | st.builds(
        Split, number=st.integers(0, 9), count=st.integers(1, 9), tensors=st.integers(-1, 9), marks=st.text(max_size=9)
    ),
    bases=st.lists(
        st.builds(Base, key=st.text(max_size=9), name=st.text(max_size=9), revision=st.text(max_size=9)), max_size=2
    ).map(tuple),
    data=st.lists(st.builds(RawData, path=st.text(max_size=9), size=st.integers(0, 9)), max_size=2).map(tuple),
)
CONTENTS = st.just(UNDESCRIBED) | st.builds(
    Content,
    format=st.text(min_size=1, max_size=9), imports=TEXTS, problems=TEXTS, code=st.booleans(), refers=TEXTS, operators=TEXTS,
    notes=TEXTS, holds=TEXTS, belongs=st.none() | BELONGS.filter(lambda one: one != NOTHING_MORE),
)  # fmt: skip


@given(content=CONTENTS)
def test_what_is_remembered_is_what_was_found(tmp_path_factory: pytest.TempPathFactory, content: Content) -> None:
    folder: Path = tmp_path_factory.getbasetemp() / "digest-cache"
    file = folder / "a"
    file.parent.mkdir(exist_ok=True)
    file.touch()
    cache = DigestCache(folder, Path("/m"), "1")
    entry = WalkedEntry(path="a", identity=FileIdentity.of(file.stat()), executable=False)
    cache.save([(entry, RememberedFile("00" * 32, content))])
    assert cache.load() == {("a", entry.identity): RememberedFile("00" * 32, content)}
