"""The tree, from the outside: a folder on disk in, every file once, nothing followed, nothing missed; and its cache."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from arcops.errors import Refused, Stopped
from arcops.evidence import Seen
from arcops.request import Request, silent
from arcops.seen.content import Content
from arcops.seen.tree import Tree
from arcops.tier import Tier
from artifacts.wire import digest
from tasks.files import digest_cache
from tasks.files import walk as walking
from tasks.model import small_files, tree
from tasks.model.content.window import Window
from tests.evidence import NOW
from tests.vectors import vectors

pytestmark = pytest.mark.requirement("ARC-A5/unexpected-files-are-red")

Look = Callable[..., Tree]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "a.txt").write_text("a")
    (folder / "deep" / "Z.txt").write_text("z")
    (folder / "deep" / "deeper" / "é.txt").write_text("é")
    (folder / "empty").touch()
    # Kernels stamp files by a clock of a few milliseconds; what a test does next must fall into a later tick.
    scratch = tmp_path / "scratch"
    scratch.touch()
    while scratch.stat().st_ctime_ns <= (folder / "empty").stat().st_ctime_ns:
        os.utime(scratch)
    return folder


@pytest.fixture
def look(tmp_path: Path) -> Look:
    def looked(
        target: Path, *, workers: int = 2, progress: Callable[[int, int], None] = silent, cache: Path | None = None
    ) -> Tree:
        request = Request(
            target=target,
            kind="model",
            tier=Tier.AIR_GAPPED,
            now=NOW,
            trust=tmp_path,
            data=tmp_path,
            cache=cache or tmp_path / "cache",
            workers=workers,
            progress=progress,
        )
        return tree.look.look(request, Seen({}, at=NOW, subject_name=request.name)).body

    return looked


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_every_file_is_there_once_in_order_with_its_digest(model: Path, look: Look, workers: int) -> None:
    body = look(model, workers=workers)
    paths = ["a.txt", "config.json", "deep/Z.txt", "deep/deeper/é.txt", "empty"]
    assert [file.path for file in body.files] == paths
    digests = [hashlib.sha256((model / path).read_bytes()) for path in paths]
    assert [file.sha256 for file in body.files] == [one.hexdigest() for one in digests]
    assert body.root == hashlib.sha256(b"".join(one.digest() for one in digests)).hexdigest()
    assert [file.size for file in body.files] == [(model / path).stat().st_size for path in paths]
    assert not body.links
    assert not body.troubles


def test_the_root_is_the_digest_that_openssf_model_signing_gives(look: Look) -> None:
    folder = vectors("model-signing") / "v1.1.0-elliptic-key"
    envelope = json.loads((folder / "model.sig").read_text())["dsseEnvelope"]
    import base64

    statement = json.loads(base64.b64decode(envelope["payload"]))
    named = {entry["name"]: entry["digest"] for entry in statement["predicate"]["resources"]}
    body = look(folder)
    digests = [bytes.fromhex(file.sha256) for file in body.files if file.path in named]
    assert {file.path: file.sha256 for file in body.files if file.path in named} == named
    assert hashlib.sha256(b"".join(digests)).hexdigest() == statement["subject"][0]["digest"]["sha256"]


def test_a_single_file_is_a_tree_of_one(model: Path, look: Look) -> None:
    body = look(model / "a.txt")
    assert [(file.path, file.size) for file in body.files] == [("a.txt", 1)]


def test_a_missing_target_is_refused_by_name(tmp_path: Path, look: Look) -> None:
    with pytest.raises(Refused, match=r"nowhere does not exist"):
        look(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path: Path, look: Look) -> None:
    (tmp_path / "model" / "inner").mkdir(parents=True)
    with pytest.raises(Refused, match="nothing to judge"):
        look(tmp_path / "model")


def test_a_device_is_refused(look: Look) -> None:
    with pytest.raises(Refused, match="neither a folder nor a regular file"):
        look(Path("/dev/null"))


@pytest.mark.parametrize(
    ("path", "target", "escapes"),
    [
        ("link", "a.txt", False),
        ("link", "deep/../a.txt", False),
        ("deep/link", "../a.txt", False),
        ("link", "../secret", True),
        ("deep/link", "../../secret", True),
        ("link", "deep/../../secret", True),
        ("link", "/etc/passwd", True),
        ("link", "nowhere", False),
        ("link", "deep", False),
    ],
)
def test_links_are_named_and_never_followed(model: Path, look: Look, path: str, target: str, escapes: bool) -> None:
    (model.parent / "secret").write_text("secret")
    before = look(model).files
    (model / path).symlink_to(target)
    body = look(model)
    assert body.files == before
    told = f"…/{target.rpartition('/')[2]}" if escapes else target
    assert [(link.path, link.target, link.escapes) for link in body.links] == [(path, told, escapes)]


def test_special_files_are_trouble_and_do_not_hang(model: Path, look: Look) -> None:
    os.mkfifo(model / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(model)  # a socket's path may be no longer than 108 bytes
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        body = look(model)
    assert [(trouble.path, trouble.reason) for trouble in body.troubles] == [
        ("pipe", "it is a pipe, not a file"),
        ("socket", "it is a socket, not a file"),
    ]
    assert len(body.files) == 5


@pytest.mark.parametrize("name", ["model.sig", "deep/x.sigstore.json"])
def test_a_signature_longer_than_any_is_trouble_by_its_size_alone(model: Path, look: Look, name: str) -> None:
    with (model / name).open("wb") as file:
        file.truncate(64 * 2**20)
    assert name in [seen.path for seen in look(model).files]
    with (model / name).open("wb") as file:
        file.truncate(8 * 2**40)  # to hash this would take hours
    body = look(model)
    assert [trouble.path for trouble in body.troubles] == [name]
    assert str(8 * 2**40) in body.troubles[0].reason
    assert name not in [seen.path for seen in body.files]


def test_a_subject_that_is_one_file_is_read_whatever_it_is_called(tmp_path: Path, look: Look) -> None:
    single = tmp_path / "weights.bundle"
    with single.open("wb") as file:
        file.truncate(65 * 2**20)
    assert [seen.size for seen in look(single).files] == [65 * 2**20]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_trouble(model: Path, look: Look) -> None:
    (model / "a.txt").chmod(0)
    (model / "deep").chmod(0)
    try:
        body = look(model)
    finally:
        (model / "deep").chmod(0o755)
    assert [trouble.path for trouble in body.troubles] == ["a.txt", "deep"]


def test_what_cannot_be_opened_is_trouble(model: Path, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def denied(path: object, *given: object, **named: object) -> int:
        if path in ("a.txt", "deep"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *given, **named)  # type: ignore[arg-type]  # passed on as given

    monkeypatch.setattr(os, "open", denied)
    body = look(model)
    assert [trouble.path for trouble in body.troubles] == ["a.txt", "deep"]
    assert all("Permission denied" in trouble.reason for trouble in body.troubles)
    assert [file.path for file in body.files] == ["config.json", "empty"]


def test_a_name_that_is_not_utf_8_is_trouble_with_a_printable_name(model: Path, look: Look) -> None:
    Path(os.fsdecode(os.fsencode(model) + b"/bad\xff.txt")).write_text("x")
    body = look(model)
    assert [trouble.path for trouble in body.troubles] == ["bad\\xff.txt"]
    assert digest(body)


def test_control_characters_in_names_are_kept(model: Path, look: Look) -> None:
    (model / "a\nb\x1b.txt").write_text("x")
    assert "a\nb\x1b.txt" in [file.path for file in look(model).files]


def test_execute_permission_is_seen(model: Path, look: Look) -> None:
    (model / "a.txt").chmod(0o755)
    assert [file.path for file in look(model).files if file.executable] == ["a.txt"]


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda model: (model / "a.txt").write_text("b"),
    "longer": lambda model: (model / "a.txt").write_text("longer"),
    "gone": lambda model: (model / "a.txt").unlink(),
    "replaced": lambda model: ((model / "new").write_text("a"), (model / "new").replace(model / "a.txt")),
    "a new file": lambda model: (model / "new").write_text("x"),
    "a new file, deep": lambda model: (model / "deep" / "deeper" / "new").write_text("x"),
    "touched": lambda model: os.utime(model / "a.txt"),
    "permission": lambda model: (model / "a.txt").chmod(0o755),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_while_reading_is_trouble(model: Path, look: Look, change: str) -> None:
    done: list[bool] = []

    def meddle(read: int, total: int) -> None:
        if total and not done:
            done.append(True)
            CHANGES[change](model)

    assert look(model, progress=meddle).troubles


@pytest.mark.parametrize("small", [0, 65_536], ids=["in parts", "at once"])
def test_a_file_that_grows_while_it_is_read_is_trouble_and_ends(
    model: Path, look: Look, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(tree, "CHUNK", 4096)
    monkeypatch.setattr(tree, "SMALL", small)
    grown = model / "grown.bin"
    grown.write_bytes(bytes(8192))
    hashes = tree.hashlib.sha256

    class Growing:
        def __init__(self, *given: bytes) -> None:
            self._inner = hashes(*given)

        def update(self, data: bytes) -> None:
            self._inner.update(data)
            with grown.open("ab") as file:
                file.write(bytes(4096))

        def digest(self) -> bytes:
            return self._inner.digest()

        def hexdigest(self) -> str:
            with grown.open("ab") as file:
                file.write(bytes(4096))
            return self._inner.hexdigest()

    class Hashes:
        sha256 = Growing

    monkeypatch.setattr(tree, "hashlib", Hashes)
    monkeypatch.setattr(small_files, "sha256", Growing)
    assert "grown.bin" in [trouble.path for trouble in look(model).troubles]


def test_a_folder_that_is_moved_away_while_its_small_files_are_read_is_trouble(
    tmp_path: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = tmp_path / "model" / "inner"
    inner.mkdir(parents=True)
    for name in ("a", "b", "c"):
        (inner / name).write_text(name)
    real = tree.describe

    def moving(window: Window, path: str) -> Content:
        if inner.exists():
            inner.rename(tmp_path / "elsewhere")
        return real(window, path)

    monkeypatch.setattr(tree, "describe", moving)
    found = {trouble.path for trouble in look(tmp_path / "model").troubles}
    assert {"inner", "inner/a", "inner/b", "inner/c"} <= found


def test_small_files_of_many_folders_keep_their_own_digests(tmp_path: Path, look: Look) -> None:
    folder = tmp_path / "model"
    for place in ("", "a", "a/b", "a.b", "b/a"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name in ("x", "y"):
            (folder / place / name).write_text(f"{place} {name}")
    body = look(folder)
    assert {file.path: file.sha256 for file in body.files} == {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert not body.troubles


def test_progress_counts_up_to_all_bytes(model: Path, look: Look) -> None:
    told: list[tuple[int, int]] = []
    body = look(model, progress=lambda done, total: told.append((done, total)))
    size = sum(file.size for file in body.files)
    assert told[-1] == (size, size)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_stopping_ends_every_worker_at_once(tmp_path: Path, look: Look) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for number in range(4):
        with (folder / str(number)).open("wb") as file:
            file.truncate(1 << 40)  # sparse: hours of reading
    before = threading.active_count()

    def stop(done: int, total: int) -> None:
        if total:
            raise Stopped("told to end")

    with pytest.raises(Stopped):
        look(folder, progress=stop)
    assert threading.active_count() == before


def test_a_failure_in_a_worker_is_not_swallowed(model: Path, look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object) -> object:
        raise RuntimeError("broken")

    monkeypatch.setattr(tree, "describe", broken)
    with pytest.raises(RuntimeError, match="broken"):
        look(model)


def test_many_files_are_all_there(tmp_path: Path, look: Look) -> None:
    folder = tmp_path / "model"
    for number in range(20):
        (folder / str(number)).mkdir(parents=True)
        for inner in range(150):
            (folder / str(number) / str(inner)).write_bytes(b"x")
    assert len(look(folder).files) == 3000


def test_folders_nested_without_end_are_trouble(tmp_path: Path, look: Look) -> None:
    inner = tmp_path / "model"
    for _ in range(140):
        inner /= "d"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    assert ["nested" in trouble.reason for trouble in look(tmp_path / "model").troubles] == [True]


# The cache


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock by which everything on disk was left alone for long."""
    real = tree.clock_ns
    monkeypatch.setattr(tree, "clock_ns", lambda: real() + 2 * digest_cache.MARGIN_NS)


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that were read, as they are read."""
    paths: list[str] = []
    real = tree.describe

    def describe(window: object, path: str) -> object:
        paths.append(path)
        return real(window, path)  # type: ignore[arg-type]  # passed on as given

    monkeypatch.setattr(tree, "describe", describe)
    return paths


@pytest.mark.usefixtures("later")
def test_what_did_not_change_is_read_once_and_described_the_same(model: Path, look: Look, described: list[str]) -> None:
    first = look(model)
    described.clear()
    second = look(model)
    assert described == []
    assert digest(second) == digest(first)


def test_what_was_written_just_now_is_read_again(model: Path, look: Look, described: list[str]) -> None:
    look(model)
    described.clear()
    look(model)
    assert len(described) == 5


def forged(model: Path) -> None:
    status = (model / "a.txt").stat()
    (model / "a.txt").write_text("b")
    os.utime(model / "a.txt", ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(model: Path) -> None:
    status = (model / "a.txt").stat()
    (model / "new").write_text("b")
    os.utime(model / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (model / "new").replace(model / "a.txt")


def moved(model: Path) -> None:
    (model / "a.txt").rename(model / "b.txt")
    (model / "deep" / "Z.txt").rename(model / "a.txt")


def written_through_a_map(model: Path) -> None:
    import mmap

    with (model / "a.txt").open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[0:1] = b"b"
        view.flush()


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("change", [forged, replaced, moved, written_through_a_map, CHANGES["written"], CHANGES["touched"]])
def test_no_change_fools_the_cache(model: Path, look: Look, described: list[str], change: Callable[[Path], object]) -> None:
    look(model)
    described.clear()
    change(model)
    body = look(model)
    assert "a.txt" in described
    assert {file.path: file.sha256 for file in body.files}["a.txt"] == hashlib.sha256(
        (model / "a.txt").read_bytes()
    ).hexdigest()


@pytest.mark.usefixtures("later")
def test_the_same_file_in_another_folder_is_read(model: Path, look: Look, described: list[str], tmp_path: Path) -> None:
    look(model)
    described.clear()
    model.rename(tmp_path / "other")
    look(tmp_path / "other")
    assert len(described) == 5


def sealed(file: Path, change: Callable[[bytes], bytes]) -> None:
    version, _, text = file.read_bytes().split(b"\n", 2)
    text = change(text)
    file.write_bytes(b"\n".join((version, hashlib.sha256(text).hexdigest().encode(), text)))


SPOILED: dict[str, Callable[[Path], object]] = {
    "a flipped bit": lambda file: file.write_bytes(file.read_bytes()[:-2] + bytes([file.read_bytes()[-2] ^ 1]) + b"]"),
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "empty": lambda file: file.write_bytes(b""),
    "noise": lambda file: file.write_bytes(b"\x00\xff" * 100),
    "another version": lambda file: file.write_bytes(b"x" + file.read_bytes()),
    "sealed, but not JSON": lambda file: sealed(file, lambda text: text[:-1]),
    "sealed, but of another shape": lambda file: sealed(file, lambda text: b'[["a.txt"]]'),
    "writable by others": lambda file: file.chmod(0o666),
    "in a folder writable by others": lambda file: file.parent.chmod(0o777),
    "a link": lambda file: (file.rename(file.parent / "moved"), file.symlink_to("moved")),
    "gone": lambda file: file.unlink(),
}


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_cache_is_not_believed(model: Path, look: Look, described: list[str], tmp_path: Path, how: str) -> None:
    first = look(model)
    described.clear()
    (file,) = (tmp_path / "cache" / "digests").iterdir()
    SPOILED[how](file)
    assert look(model) == first
    assert len(described) == 5


@pytest.mark.usefixtures("later")
def test_a_spoiled_cache_is_made_again(model: Path, look: Look, described: list[str], tmp_path: Path) -> None:
    look(model)
    (file,) = (tmp_path / "cache" / "digests").iterdir()
    file.write_bytes(b"noise")
    look(model)
    described.clear()
    look(model)
    assert described == []
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("later")
def test_a_cache_that_cannot_be_written_is_done_without(model: Path, look: Look) -> None:
    (model.parent / "occupied").write_text("a file in place of the folder")
    assert len(look(model, cache=model.parent / "occupied").files) == 5


@pytest.mark.usefixtures("later")
def test_other_readers_do_not_believe_these(
    model: Path, look: Look, described: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    look(model)
    described.clear()
    import dataclasses

    monkeypatch.setattr(tree, "look", dataclasses.replace(tree.look, version="other"))
    look(model)
    assert len(described) == 5


def test_a_folder_that_becomes_a_link_during_the_walk_shows_nothing_of_what_it_leads_to(
    model: Path, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    for folder, name in ((model / "upper", "own.txt"), (outside, "tellingword.txt")):
        (folder / "lower").mkdir(parents=True)
        (folder / "lower" / name).write_text(name)
    met = walking._met

    def swapping(folder: int, item: os.DirEntry[str], path: str, found: walking.Walked) -> str:
        below = met(folder, item, path, found)
        if path == "upper/lower":  # it was listed, and is opened next
            (model / "upper").rename(tmp_path / "was")
            (model / "upper").symlink_to(outside)
        return below

    monkeypatch.setattr(walking, "_met", swapping)
    body = look(model)
    assert (model / "upper").is_symlink(), "the swap was made"
    assert "tellingword" not in str(body)
    assert "upper/lower" in [trouble.path for trouble in body.troubles]
