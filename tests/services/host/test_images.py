"""Servers in OCI images: what is read of a layout, what is refused, and what the server sees when it runs."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.tier import Tier
from services.host.hosting import Hosting
from services.host.installers import oci
from services.host.installers.layers import Blob, unpack
from services.host.installers.workshop import Workshop
from services.host.lock import Lock
from services.host.spec import Spec, checked, read_package
from tasks.server.images import ROOT, inside
from tests.services.host.hosts import Site, hosted, linked
from tests.simulators.image import HERE, LAYER, Layout, entry, files, layer, program


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    folder = tmp_path / "layout"
    folder.mkdir()
    return Layout(folder)


def at(tmp_path: Path) -> Workshop:
    return Workshop(tier=Tier.AIR_GAPPED, cache=tmp_path / "cache", environment={}, secrets=())


def installed(tmp_path: Path, layout: Layout, digest: str) -> tuple[Lock, Path]:
    package = read_package(f"oci:{layout.folder}@{digest}")
    lock = oci.resolve(package, at(tmp_path))
    tree = tmp_path / "tree"
    tree.mkdir()
    oci.install(lock, tree, at(tmp_path))
    return lock, tree


@pytest.mark.requirement("HOST-013/servers-in-images")
def test_an_image_runs_with_its_own_files_alone(tmp_path: Path, layout: Layout) -> None:
    first = files({"app/server": program(tmp_path), "app/said": b"it is", "app/removed": b"it was"})
    second = layer((entry("app/.wh.removed"), b""), (entry("bin", kind=tarfile.SYMTYPE, link="/app"), b""))
    digest = layout.image(
        [first, second], Entrypoint=["server", "hello"], Env=["PATH=/nothing:/bin", "COLOUR=red", "HOME=/root"]
    )
    site = Site(tmp_path / "site")
    row = site.rows.put(
        "image", Spec(package=f"oci:{layout.folder}@{digest}", environment=("GIVEN=by its row",), stateless=True), author="ann"
    )
    lock = oci.resolve(read_package(row.current.spec.package), site.workshop())
    site.rows.lock("image", row.current.number, lock)
    row = site.rows.allow("image", lock.digest, author="ann")

    async def run(host: Hosting) -> None:
        link = await linked(host, name="image")
        answer = await link.call("tools/call", {})
        text = str(bytes(answer.result))  # type: ignore[arg-type]  # a result is JSON
        found = dict(one.partition("=")[::2] for one in text.split('"text":"')[1].partition('"')[0].split(";"))
        assert set(found["root"].split()) == {"app", "bin", "dev", "etc", "proc", "sys", "tmp"}
        assert found == {
            "root": found["root"],
            "home": "/tmp",  # in the image
            "colour": "red",
            "given": "by its row",
            "passwd": "No such file or directory",
            "write": "Permission denied",
            "temporary": "yes",
            "null": "yes",
            "said": "yes",
            "removed": "No such file or directory",
            "arguments": "hello",
        }

    tree = tmp_path / "judged"
    tree.mkdir()
    oci.install(lock, tree, site.workshop())
    site.judges.policy_sources("oci")
    site.judges.judge_tree(site.rows, row, tree, source="oci")
    hosted(run, site.host())
    assert (tmp_path / "site" / "homes" / "image" / "new").is_file()


def test_another_architecture_is_not_taken(tmp_path: Path, layout: Layout) -> None:
    mine = layout.image([files({"a": b"mine"})], Cmd=["/a"])
    other = layout.image([files({"a": b"other"})], Cmd=["/a"])
    _, tree = installed(tmp_path, layout, layout.of_machines({"other": other, HERE: mine}))
    assert (tree / ROOT / "a").read_bytes() == b"mine"
    with pytest.raises(Refused, match="no part for linux"):
        oci.resolve(read_package(f"oci:{layout.folder}@{layout.of_machines({'other': other})}"), at(tmp_path))


def test_the_lock_is_the_same_for_the_same_image_and_pins_each_blob(tmp_path: Path, layout: Layout) -> None:
    digest = layout.image([files({"a": b"1"})], Cmd=["/a"])
    lock, _ = installed(tmp_path, layout, digest)
    assert lock.digest == oci.resolve(read_package(f"oci:{layout.folder}@{digest}"), at(tmp_path)).digest
    for blob in sorted((layout.folder / "blobs" / "sha256").iterdir()):
        data = blob.read_bytes()
        blob.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        tree = tmp_path / f"again-{blob.name[:8]}"
        tree.mkdir()
        with pytest.raises(Refused, match=r"other content|cannot be unpacked"):
            _again(lock, tree, layout, digest, tmp_path)
        blob.write_bytes(data)


def _again(lock: Lock, tree: Path, layout: Layout, digest: str, tmp_path: Path) -> None:
    oci.resolve(read_package(f"oci:{layout.folder}@{digest}"), at(tmp_path))
    oci.install(lock, tree, at(tmp_path))


def test_a_later_layer_hides_replaces_and_empties(tmp_path: Path, layout: Layout) -> None:
    first = files({"a/one": b"1", "a/two": b"2", "b/three": b"3", "c": b"file"})
    second = layer(
        (entry("a/new", b"n"), b"n"),
        (entry("a/.wh..wh..opq"), b""),
        (entry("b/.wh.three"), b""),
        (entry("c", kind=tarfile.DIRTYPE), b""),
        (entry("c/inside", b"i"), b"i"),
        (entry("d", kind=tarfile.LNKTYPE, link="c/inside"), b""),
        (entry("dev/sda", kind=tarfile.BLKTYPE), b""),
        (entry("run", b"r", mode=0o4755), b"r"),
    )
    _, tree = installed(tmp_path, layout, layout.image([first, second], Cmd=["/run"]))
    root = tree / ROOT
    assert sorted(str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()) == [
        "a/new", "c/inside", "d", "etc/hosts", "etc/resolv.conf", "run"
    ]  # fmt: skip
    assert (root / "run").stat().st_mode & 0o7777 == 0o755


def _link_out(name: str) -> bytes:
    return layer((entry("x", kind=tarfile.SYMTYPE, link=name), b""), (entry("x/evil", b"e"), b"e"))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda _: layer((entry("../evil", b"e"), b"e")), "leads out"),
        (lambda _: layer((entry("a/../../evil", b"e"), b"e")), "leads out"),
        (lambda folder: _link_out(str(folder)), "through the link"),
        (lambda _: _link_out(".."), "through the link"),
        (lambda _: layer((entry("h", kind=tarfile.LNKTYPE, link="../../etc/passwd"), b"")), "no file of the image"),
        (lambda _: layer((entry("h", kind=tarfile.LNKTYPE, link="/etc/passwd"), b"")), "no file of the image"),
        (
            lambda _: layer(
                (entry("s", kind=tarfile.SYMTYPE, link="/a"), b""), (entry("h", kind=tarfile.LNKTYPE, link="s"), b"")
            ),
            "no file of the image",
        ),
        (lambda _: layer((entry("proc", b"p"), b"p")), "no folder"),
        (lambda _: layer((entry("tmp", kind=tarfile.SYMTYPE, link="/"), b"")), "no folder"),
        (lambda _: layer((entry("etc", kind=tarfile.SYMTYPE, link="/etc"), b"")), "through the link"),
        (lambda _: b"no gzip", "cannot be unpacked"),
        (lambda _: layer((entry("a", b"a" * 2000), b"a" * 2000))[:-20], "cannot be unpacked"),
    ],
)  # fmt: skip
def test_a_layer_that_leads_elsewhere_is_refused(
    tmp_path: Path, layout: Layout, made: Callable[[Path], bytes], why: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(Refused, match=why):
        installed(tmp_path, layout, layout.image([made(outside)], Cmd=["/a"]))
    assert list(outside.iterdir()) == []
    assert not (tmp_path / "evil").exists()


def test_links_are_followed_as_they_lead_in_the_image(tmp_path: Path, layout: Layout) -> None:
    members = layer(
        (entry("usr/bin/tool", b"t", mode=0o755), b"t"),
        (entry("bin", kind=tarfile.SYMTYPE, link="/usr/bin"), b""),
        (entry("up", kind=tarfile.SYMTYPE, link="../../../usr"), b""),
        (entry("loop", kind=tarfile.SYMTYPE, link="loop"), b""),
    )
    _, tree = installed(tmp_path, layout, layout.image([members], Cmd=["tool"], Env=["PATH=/loop:/bin"]))
    package = read_package(f"oci:{layout.folder}@sha256:{'0' * 64}")
    assert oci.launch(package, tree, "").command == ("/bin/tool",)
    root = tree / ROOT
    assert inside("/up/bin/tool", root) == root / "usr/bin/tool"
    assert inside("/loop", root) is None
    with pytest.raises(Refused, match="no program 'sh'"):
        oci.launch(package, tree, "sh")


@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("oci:/srv/image", "by its digest"),
        ("oci:/srv/image:latest", "by its digest"),
        (f"oci:/srv/image@sha256:{'0' * 63}", "by its digest"),
        (f"oci:registry.example/mcp/time@sha256:{'0' * 64}", "skopeo copy docker://registry.example/mcp/time@sha256:0"),
        (f"oci:srv/image@sha256:{'0' * 64}", "no registry is asked"),
    ],
)
def test_what_names_no_image_here_is_refused_with_what_to_do(package: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        checked(Spec(package=package))


def test_what_an_image_cannot_have_is_refused(tmp_path: Path, layout: Layout) -> None:
    spec = Spec(package=f"oci:/srv/image@sha256:{'0' * 64}")
    assert str(read_package(spec.package)) == spec.package
    for wrong in (replace(spec, reads=("/srv/data",)), replace(spec, writes=("/srv/data",))):
        with pytest.raises(Refused, match="not for images"):
            checked(wrong)
    with pytest.raises(Refused, match="does not exist"):
        oci.resolve(read_package(spec.package), at(tmp_path))
    with pytest.raises(Refused, match="is not read here"):
        installed(tmp_path, layout, layout.image([b"x"], kind="application/vnd.oci.image.layer.v1.tar+zstd"))


def test_an_image_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.host.installers.layers.MOST_BYTES", 1000)
    data = layer((entry("a", b"a" * 600), b"a" * 600), (entry("b", b"b" * 600), b"b" * 600))
    path = tmp_path / "layer"
    path.write_bytes(data)
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(Refused, match="has more than"):
        unpack([Blob(path=path, digest="sha256:", size=1, kind=LAYER)], root)
