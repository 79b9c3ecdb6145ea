"""What a client reads in parts is made once; and what the store forgot or holds changed is never answered from memory."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from adapters.mcp import resources
from adapters.mcp.resources import Read, read
from arcops.errors import ArcOpsError, Refused
from artifacts.objects import object_path
from capabilities.place import Place
from foundation.cache.memory import Memory
from foundation.cache.tiers import Cache
from tests.kept import finding, keep, report, result
from tests.models import bench

pytestmark = [pytest.mark.requirement("BASE-9/caches-are-hints", "BASE-1/serves-both-protocol-versions")]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was made again."""
    names: list[str] = []
    reader = resources._READERS["reports"]

    def counted(name: str, at: Place) -> Read:
        names.append(name)
        return reader(name, at)

    monkeypatch.setattr(resources, "_READERS", {**resources._READERS, "reports": counted})
    return names


def whole(digest: str, at: Place, cache: Cache, length: int = 200) -> bytes:
    found, size = b"", 1
    while len(found) < size:
        one = read(f"arcops://reports/{digest}/part/{len(found)}/{length}", at, cache)
        assert one.part is not None
        found, size = found + one.part, one.size
    return found


def test_it_is_made_once_and_is_the_same_as_the_whole(tmp_path: Path, made: list[str]) -> None:
    """Mutation: each part is cut from a whole that is made for it alone."""
    here, cache = bench(tmp_path), Cache(memory=Memory(clock=time.monotonic))
    digest = keep(here, report("tiny", result("integrity", *(finding("integrity/links", text=f"{n}") for n in range(20)))))
    at = here.place()
    assert whole(digest, at, cache) == read(f"arcops://reports/{digest}", at).text.encode()
    assert len(whole(digest, at, cache)) > 1000
    assert len(made) == 2, "once for the parts, and once for the whole"


def test_what_the_store_forgot_is_not_answered(tmp_path: Path, made: list[str]) -> None:
    here, cache = bench(tmp_path), Cache(memory=Memory(clock=time.monotonic))
    digest = keep(here, report("tiny", result("integrity", finding("integrity/links"))))
    whole(digest, here.place(), cache)
    object_path(here.settings.store, digest).unlink()
    with pytest.raises(ArcOpsError, match="the store has nothing"):
        whole(digest, here.place(), cache)


def test_what_was_changed_in_the_store_is_read_again_and_refused(tmp_path: Path, made: list[str]) -> None:
    here, cache = bench(tmp_path), Cache(memory=Memory(clock=time.monotonic))
    digest = keep(here, report("tiny", result("integrity", finding("integrity/links"))))
    whole(digest, here.place(), cache)
    path = object_path(here.settings.store, digest)
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data.replace(b"}", b" }", 1))
    with pytest.raises(ArcOpsError, match="was changed"):
        whole(digest, here.place(), cache)


def test_a_name_that_is_no_digest_is_never_kept(tmp_path: Path, made: list[str]) -> None:
    here, cache = bench(tmp_path), Cache(memory=Memory(clock=time.monotonic))
    for name in ("tiny", "sha256:xyz", ".."):
        with pytest.raises(Refused):
            whole(name, here.place(), cache)
    assert cache.memory.size == 0
