"""A site without a network is installed, upgraded and taken back from one file, whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.cli.main import run
from arcops.errors import Refused
from arcops.installed import version
from artifacts.private_key import create
from artifacts.signed_tar import opened_tar
from artifacts.site_bundle import SiteBundle
from artifacts.store import Store
from foundation.database.migrating import newest
from foundation.site_bundle import installing
from foundation.site_bundle.installing import Installed, current, install, take_back
from foundation.site_bundle.making import Given, make
from foundation.site_bundle.reading import verify
from tests.foundation.backup.sites import NAMES, PASSPHRASE, grow, site
from tests.foundation.dying import kinds
from tests.foundation.site_bundle.killing import doing, state
from tests.foundation.site_bundle.pieces import OLD_SCHEMA, database, pieces, with_old_database
from tests.models import CLOCK, Bench

pytestmark = pytest.mark.requirement("BASE-8/bundle-for-an-air-gap")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    """A site with the database of the release before, and a folder with two bundles for it."""
    folder = tmp_path_factory.mktemp("bundles")
    here = site(folder)
    with_old_database(here.home)
    for number in (1, 2):
        bundle(here, folder / f"{number}.bundle", pieces(folder / f"pieces{number}", number=number))
    return here, folder


@pytest.fixture
def home(made: tuple[Bench, Path], tmp_path: Path) -> Path:
    """A copy of the site."""
    return Path(shutil.copytree(made[0].home, tmp_path / "home", symlinks=True))


def bundle(here: Bench, path: Path, given: dict[str, Path]) -> SiteBundle:
    others = {kind: one for kind, one in given.items() if kind != "images"}
    images = (given["images"],) if "images" in given else ()
    return make(path, Given(images=images, others=others), signer=here.signer, now=CLOCK)


def installed(home: Path, path: Path) -> Installed:
    return install(path, doing(home, lambda _: None))


def taken_back(home: Path) -> tuple[str, str]:
    done = take_back(doing(home, lambda _: None))
    return done.id, done.now


def test_upgraded_and_taken_back_from_the_release_before(made: tuple[Bench, Path], home: Path) -> None:
    before = state(home)
    rows = database(home)[1]
    assert database(home)[0] == OLD_SCHEMA
    first = installed(home, made[1] / "1.bundle")
    assert database(home) == (newest(), rows)
    assert (home / "policies" / "vendor.yaml").read_text().endswith("# 1\n")
    assert (home / "policies" / "bench.yaml").exists(), "the site's own stay"
    assert (home / "trust" / "keys" / "vendor1.pub").exists()
    assert (home / "data" / "osv.json").read_text() == "advisories 1"
    content = home / "bundles" / "current" / "content"
    assert (content / "images" / "server" / "oci-layout").exists()
    assert (content / "docs" / "index.md").exists()
    assert f"arcops=={version()} --hash=sha256:" in (content / "wheels" / "requirements.txt").read_text()
    one = state(home)

    grow(replace(made[0], home=home, settings=doing(home, lambda _: None).settings), "judged since")
    second = installed(home, made[1] / "2.bundle")
    assert (second.before, first.before) == (first.id, "")
    assert installed(home, made[1] / "2.bundle").id == second.id, "the same again changes nothing"
    assert (home / "data" / "osv.json").read_text() == "advisories 2"

    with pytest.raises(Refused, match="does not count here"):
        take_back(doing(home, lambda _: None), first.id)
    assert taken_back(home) == (second.id, first.id)
    (home / "data" / "osv.json").write_text("advisories 1")  # advisories stay: older ones would find less
    assert state(home) == one
    assert taken_back(home) == (first.id, "")
    (home / "data" / "osv.json").unlink()
    assert state(home) == before
    assert database(home) == (OLD_SCHEMA, rows)
    with Store.at(doing(home, lambda _: None).settings) as store:
        assert len(store.entries()) == len(NAMES) + 1, "what was judged since is not lost"
        assert store.check([made[0].signer.public]) == ()
    with pytest.raises(Refused, match="no bundle counts here"):
        taken_back(home)


def test_an_older_bundle_takes_nothing_back_unless_that_is_said(made: tuple[Bench, Path], home: Path, tmp_path: Path) -> None:
    """It is signed as well as the newer one, and its advisories would find less."""
    given, here = pieces(tmp_path / "pieces", number=3), made[0]
    newer = tmp_path / "3.bundle"
    others = {kind: one for kind, one in given.items() if kind != "images"}
    make(newer, Given(others=others), signer=here.signer, now=CLOCK + timedelta(seconds=1))
    third = installed(home, newer)
    before = state(home)
    with pytest.raises(Refused, match=r"before the one that counts here .*'arcops bundle rollback'.*--older"):
        installed(home, made[1] / "1.bundle")
    assert state(home) == before
    note = home / "bundles" / third.id / "installed.json"
    said = note.read_bytes()
    note.unlink()
    with pytest.raises(Refused, match="it is not known when the bundle was made that counts here"):
        installed(home, made[1] / "1.bundle")
    note.write_bytes(said)
    first = install(made[1] / "1.bundle", replace(doing(home, lambda _: None), older=True))
    assert first.before == third.id
    assert installed(home, newer).before == first.id, "forward again"


@pytest.mark.parametrize("change", ["another", "gone", "more", "link"])
def test_a_folder_that_someone_changed_does_not_count_as_installed(change: str, made: tuple[Bench, Path], home: Path) -> None:
    done = installed(home, made[1] / "1.bundle")
    page = done.folder / "content" / "docs" / "index.md"
    if change == "another":
        page.write_text("# Read something else")
    elif change == "gone":
        page.unlink()
    elif change == "link":
        page = done.folder / "content" / "elsewhere"
        page.symlink_to(home, target_is_directory=True)
    else:
        page = done.folder / "content" / "data" / "planted.json"
        page.write_text("{}")
    with pytest.raises(Refused, match=rf"{re.escape(str(page))} is not as it brought it"):
        installed(home, made[1] / "1.bundle")


def test_what_was_planted_in_the_folder_of_a_bundle_does_not_get_into_the_site(made: tuple[Bench, Path], home: Path) -> None:
    first = installed(home, made[1] / "1.bundle")
    taken_back(home)
    planted = first.folder / "content" / "data" / "planted.json"
    planted.write_text("{}")
    installed(home, made[1] / "1.bundle")
    assert not planted.exists(), "the folder was made again"
    assert not (home / "data" / "planted.json").exists()


def test_a_bundle_that_is_changed_after_it_was_verified_is_not_installed(
    made: tuple[Bench, Path], home: Path, tmp_path: Path
) -> None:
    """Who may write the file can do so between its verification and its use."""
    path = Path(shutil.copy(made[1] / "1.bundle", tmp_path / "b"))
    before = state(home)

    def step(name: str) -> None:
        if name == "verified":
            data = path.read_bytes()
            place = data.index(b"# Read me")
            with path.open("r+b") as file:
                file.seek(place)
                file.write(b"# Rm -rf!")

    with pytest.raises(Refused, match=r"docs/index\.md in the bundle .* was changed after it was verified"):
        install(path, doing(home, step))
    assert state(home) == before
    assert not list((home / "bundles").glob("*/content"))


def test_what_is_hidden_in_the_folders_of_the_site_stays(made: tuple[Bench, Path], home: Path) -> None:
    """Policies are kept with Git at many sites: their history is neither lost by a bundle nor by taking it back."""
    (home / "policies" / ".git" / "refs").mkdir(parents=True)
    (home / "policies" / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (home / "trust" / "keys" / ".gitignore").symlink_to("nowhere")
    before = state(home)
    installed(home, made[1] / "1.bundle")
    taken = state(home)
    assert taken != before
    for _ in range(2):
        assert (home / "policies" / ".git" / "HEAD").read_text() == "ref: refs/heads/main"
        assert (home / "policies" / ".git" / "refs").is_dir()
        assert (home / "trust" / "keys" / ".gitignore").is_symlink()
        if current(doing(home, lambda _: None).settings):
            taken_back(home)


@pytest.mark.parametrize("what", ["install", "rollback"])
def test_a_kill_at_any_step_leaves_the_old_site_or_one_that_the_next_call_ends(
    made: tuple[Bench, Path], home: Path, tmp_path: Path, what: str
) -> None:
    if what == "rollback":
        installed(home, made[1] / "1.bundle")
    home.rename(tmp_path / "old")
    shutil.copy(made[1] / "1.bundle", tmp_path / "site.bundle")
    done = subprocess.run(
        [sys.executable, "-m", "tests.foundation.site_bundle.killing", str(tmp_path), what],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = kinds(json.loads(done.stdout))
    assert found.count("old") > 1
    assert found.count("half") > 1


class TestOneOfAnotherVersion:
    """It is unpacked and installed beside the others, and its own program goes on."""

    @pytest.fixture(autouse=True)
    def _of_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(installing, "version", lambda: "0.0.9")

    def test_only_lies_there(self, made: tuple[Bench, Path], home: Path) -> None:
        before = state(home)
        done = installed(home, made[1] / "1.bundle")
        assert not done.counts
        assert done.environment is not None
        assert done.environment.is_dir()
        assert done.id.startswith(f"{version()}-")
        assert state(home) == before
        assert current(doing(home, lambda _: None).settings) == ""

    def test_is_used_as_it_lies_there(self, made: tuple[Bench, Path], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        one = installed(home, made[1] / "1.bundle")
        assert one.environment is not None
        (one.environment / "mark").touch()
        with monkeypatch.context() as own:
            own.setattr(installing, "version", version)
            assert installed(home, made[1] / "1.bundle").counts
        assert (one.environment / "mark").exists()

    def test_is_made_again_if_a_byte_of_it_changed(
        self, made: tuple[Bench, Path], home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = installed(home, made[1] / "1.bundle")
        assert one.environment is not None
        (one.environment / "mark").touch()
        (one.folder / "content" / "data" / "osv.json").write_text("none")
        with monkeypatch.context() as running:
            running.setattr(sys, "prefix", str(one.environment))
            with pytest.raises(Refused, match="this program runs from there"):
                installed(home, made[1] / "1.bundle")
        assert installed(home, made[1] / "1.bundle").folder == one.folder
        assert not (one.environment / "mark").exists()
        assert (one.folder / "content" / "data" / "osv.json").read_text() == "advisories 1"


def test_without_a_program_the_version_that_runs_installs_it(
    made: tuple[Bench, Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container the program comes by an image, whose Python makes no environments."""
    bare = replace(doing(home, lambda _: None), environment_of=None)
    done = install(made[1] / "1.bundle", bare)
    assert (done.counts, done.environment) == (True, None)
    assert database(home)[0] == newest()
    assert take_back(bare).environment is None
    assert installed(home, made[1] / "1.bundle").environment is not None, "later with one"
    monkeypatch.setattr(installing, "version", lambda: "0.0.9")
    with pytest.raises(Refused, match=rf"only the program of {version()} can install it"):
        install(made[1] / "2.bundle", bare)


def test_wheels_that_make_no_environment_leave_nothing(made: tuple[Bench, Path], home: Path) -> None:
    def fails(wheels: Path, environment: Path, closed: Sequence[Path]) -> None:
        raise Refused("the wheels do not fit")

    before = state(home)
    with pytest.raises(Refused, match="do not fit"):
        install(made[1] / "1.bundle", replace(doing(home, lambda _: None), environment_of=fails))
    assert state(home) == before
    assert not list((home / "bundles").iterdir())


def no_layout(given: dict[str, Path]) -> None:
    (given["images"] / "oci-layout").unlink()


def a_blob_less(given: dict[str, Path]) -> None:
    next((given["images"] / "blobs" / "sha256").iterdir()).unlink()


def a_blob_changed(given: dict[str, Path]) -> None:
    max((given["images"] / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size).write_bytes(b"changed")


def an_image_of_nothing(given: dict[str, Path]) -> None:
    (given["images"] / "index.json").write_text('{"manifests": []}')


def no_wheel(given: dict[str, Path]) -> None:
    (given["wheels"] / "setup.exe").write_bytes(b"")


def two_versions(given: dict[str, Path]) -> None:
    (given["wheels"] / "rfc8785-0.1.5-py3-none-any.whl").write_bytes(b"")


def no_chart(given: dict[str, Path]) -> None:
    (given["chart"] / "Chart.yaml").rename(given["chart"] / "values.yaml")


def a_link_elsewhere(given: dict[str, Path]) -> None:
    (given["docs"] / "key.md").symlink_to(Path(__file__))


def no_key(given: dict[str, Path]) -> None:
    (given["trust"] / "keys" / "x.pub").write_text("no key")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (no_layout, "has no oci-layout"),
        (a_blob_less, "is missing, or is not what its name says"),
        (a_blob_changed, "is missing, or is not what its name says"),
        (an_image_of_nothing, "names no image"),
        (no_wheel, "is no wheel"),
        (two_versions, "two versions of rfc8785"),
        (no_chart, "has no Chart.yaml"),
        (no_key, r"x\.pub"),
        (a_link_elsewhere, "leads to .*, out of the folder"),
    ],
)
def test_a_piece_that_is_wrong_is_not_carried(
    made: tuple[Bench, Path], tmp_path: Path, wrong: Callable[[dict[str, Path]], None], said: str
) -> None:
    given = pieces(tmp_path / "pieces")
    wrong(given)
    with pytest.raises(Refused, match=said):
        bundle(made[0], tmp_path / "b", given)
    assert not (tmp_path / "b").exists()


def test_what_a_killed_making_left_goes_with_the_next_one(made: tuple[Bench, Path], tmp_path: Path) -> None:
    given = pieces(tmp_path / "pieces")
    left = tmp_path / f".partial-{'0' * 16}"
    left.write_bytes(b"half of a bundle")
    bundle(made[0], tmp_path / "b", {"docs": given["docs"]})
    assert not left.exists()


def test_what_is_not_given_is_said(made: tuple[Bench, Path], tmp_path: Path) -> None:
    given = pieces(tmp_path / "pieces")
    found = bundle(made[0], tmp_path / "b", {"docs": given["docs"]})
    assert (found.version, found.images, found.wheels) == ("", (), ())
    assert set(found.not_given) == {"images", "chart", "wheels", "trust", "data", "policies"}
    with pytest.raises(Refused, match="nothing was given"):
        bundle(made[0], tmp_path / "c", {})


class TestWhatIsNotInstalled:
    """Each is refused in a sentence, and the site stays as it was."""

    def test_a_changed_byte_of_each_piece(self, made: tuple[Bench, Path], home: Path, tmp_path: Path) -> None:
        before = state(home)
        data = (made[1] / "1.bundle").read_bytes()
        for piece in (b"images/", b"wheels/", b"policies/", b"trust/", b"data/", b"docs/", b"chart/"):
            at = data.index(piece) + 512
            (tmp_path / "bad").write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            with pytest.raises(Refused, match="is not what was signed"):
                installed(home, tmp_path / "bad")
        (tmp_path / "bad").write_bytes(data[: len(data) // 2])
        with pytest.raises(Refused, match="is cut off"):
            installed(home, tmp_path / "bad")
        assert state(home) == before
        assert not (home / "bundles").exists()

    def test_one_that_no_trusted_key_signed(self, made: tuple[Bench, Path], home: Path) -> None:
        with pytest.raises(Refused, match="does not count here: no given key"):
            install(made[1] / "1.bundle", replace(doing(home, lambda _: None), keys=[create().public]))

    def test_one_that_would_drop_revocations(self, made: tuple[Bench, Path], home: Path, tmp_path: Path) -> None:
        given = pieces(tmp_path / "pieces")
        for one in (given["trust"], home / "trust"):
            (one / "revocations").mkdir()
            (one / "revocations" / "arcops.sigstore.json").write_text(str(one))
        bundle(made[0], tmp_path / "b", given)
        with pytest.raises(Refused, match="is another list of revocations"):
            installed(home, tmp_path / "b")

    def test_while_something_else_was_cut_off(self, made: tuple[Bench, Path], home: Path, tmp_path: Path) -> None:
        class Cut(BaseException):
            pass

        def step(what: str) -> None:
            if what == "noted":
                raise Cut

        with pytest.raises(Cut):
            install(made[1] / "1.bundle", doing(home, step))
        assert state(home) == "half"
        with pytest.raises(Refused, match=r"'arcops bundle install .*' was cut off: run that again first"):
            taken_back(home)
        with pytest.raises(Refused, match=r"'arcops bundle install .*' was cut off: run that again first"):
            installed(home, made[1] / "2.bundle")
        installed(home, made[1] / "1.bundle")
        assert database(home)[0] == newest()


def test_a_list_that_says_something_else_than_the_pieces(made: tuple[Bench, Path], tmp_path: Path) -> None:
    with opened_tar(made[1] / "1.bundle", "the bundle") as tar:
        found = verify(tar, [made[0].signer.public]).bundle
    assert (found.version, len(found.images), len(found.wheels), found.not_given) == (version(), 1, 2, ())


def test_the_command_line_does_it_all(
    made: tuple[Bench, Path], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in made[0].environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ARCOPS_HOME", str(home))
    monkeypatch.setenv("ARCOPS_BACKUP_PASSPHRASE", PASSPHRASE)
    given = pieces(tmp_path / "pieces")
    del given["wheels"]  # these only have the names (tests/deployments/test_bundle.py)
    file = str(tmp_path / "site.bundle")
    pairs = [(f"--{kind}" if kind != "images" else "--image", str(one)) for kind, one in given.items() if kind != "docs"]
    assert run(["bundle", "make", file, *(word for pair in pairs for word in pair)]) == 0
    assert "images: server; 0 wheels;" in capsys.readouterr().out
    assert run(["bundle", "verify", file]) == 0
    assert "not given: wheels, docs\nsound\n" in capsys.readouterr().out
    assert run(["bundle", "install", file]) == 0
    assert current(doing(home, lambda _: None).settings).startswith("content-")
    assert "counts now, in" in capsys.readouterr().out
    assert run(["database", "status"]) == 0
    assert f"schema {newest()}, the newest" in capsys.readouterr().out
    assert run(["bundle", "rollback"]) == 0
    assert "was taken back; now: none" in capsys.readouterr().out
    assert database(home)[0] == OLD_SCHEMA
    (given["policies"] / ".git").mkdir()
    assert run(["bundle", "make", f"{file}1", "--policies", str(given["policies"])]) == 0
    assert "not in it: policies/.git (it is hidden)" in capsys.readouterr().out
    (given["policies"] / "wrong.yaml").write_text("gates: 5\n")
    assert run(["bundle", "make", f"{file}2", "--policies", str(given["policies"])]) == 2
    assert "wrong.yaml" in capsys.readouterr().err
