"""Images come into a registry by their digests, also if it breaks off, and nothing goes to an address that no one named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.egress.question import Way
from foundation.registry import pushing
from foundation.registry.asking import MOST_ANSWER, Asking, Credential
from foundation.registry.naming import PURPOSE, read_registry
from foundation.registry.pushing import Content, Image, Pushed, push
from tests.simulators.registry import PASSWORD, USER, Asked, RegistryServer, Said, error, registry

pytestmark = pytest.mark.requirement("BASE-8/bundle-for-an-air-gap")
MANIFEST, INDEX = (f"application/vnd.oci.image.{one}.v1+json" for one in ("manifest", "index"))
LAYER = bytes(range(256)) * 10


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryServer]:
    monkeypatch.setattr(pushing, "PIECE", 1000)
    with registry() as made:
        yield made


def image(name: str = "server", layer: bytes = LAYER) -> Image:
    """An index with one manifest of one layer, and a blob that is shared and small."""
    known: dict[str, bytes] = {}

    def content(data: bytes, kind: str) -> Content:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        known[digest] = data
        return Content(media_type=kind, digest=digest, size=len(data))

    def named(one: Content) -> dict[str, object]:
        return {"mediaType": one.media_type, "digest": one.digest, "size": one.size}

    config = content(b"{}", "application/vnd.oci.image.config.v1+json")
    blob = content(layer, "application/vnd.oci.image.layer.v1.tar")
    manifest = content(json.dumps({"schemaVersion": 2, "config": named(config), "layers": [named(blob)]}).encode(), MANIFEST)
    index = content(json.dumps({"schemaVersion": 2, "manifests": [named(manifest)]}).encode(), INDEX)
    return Image(
        name=name,
        root=index,
        blobs=(config, blob),
        manifests=(manifest, index),
        read=lambda one, at, count: known[one.digest][at : at + count],
    )


def asking(server: RegistryServer, *, user: str = "", password: str = PASSWORD, login: str = "") -> Asking:
    way = Way(tier=Tier.AIR_GAPPED, purpose=PURPOSE, seconds=20.0, most=MOST_ANSWER)
    credential = Credential(user=user, password=lambda: password) if user else None
    return Asking(read_registry(f"{server.url}/arcops"), way, credential, login)


def pushed(server: RegistryServer, *images: Image, **more: str) -> tuple[Pushed, ...]:
    return tuple(push(images or (image(),), "0.1.0-abc", asking(server, **more)))


def test_an_image_is_there_by_its_digest_and_its_tag_and_is_not_sent_twice(server: RegistryServer) -> None:
    (first,) = pushed(server)
    root = image().root
    assert first.reference == f"{server.host}/arcops/server@{root.digest}"
    assert first.sent == len(LAYER) + 2
    assert server.manifests["arcops/server"]["0.1.0-abc"] == server.manifests["arcops/server"][root.digest]
    assert server.blobs["arcops/server"][image().blobs[1].digest] == LAYER
    assert {one.headers["Content-Type"] for one in server.asked if "/manifests/" in one.path and one.method == "PUT"} == {
        MANIFEST,
        INDEX,
    }
    (again,) = pushed(server)
    assert again == replace(first, sent=0)
    (other,) = pushed(server, image("other"))
    assert other.sent, "another repository has its own blobs"


@pytest.mark.parametrize("login", ["basic", "bearer"])
def test_who_asks_is_shown_as_the_registry_wants_it(server: RegistryServer, login: str) -> None:
    server.login = login
    assert pushed(server, user=USER)[0].sent
    asked = [one.path for one in server.asked if one.path.startswith("/token")]
    assert len(asked) == (1 if login == "bearer" else 0), "one token for all of a repository"
    assert all("scope=repository%3Aarcops%2Fserver%3Apull%2Cpush" in one for one in asked)


@pytest.mark.parametrize("login", ["basic", "bearer"])
@pytest.mark.parametrize(
    ("more", "said"),
    [({}, "ARCOPS_REGISTRY_USER"), ({"user": USER, "password": "wrong"}, "ARCOPS_REGISTRY_USER and its password")],
)
def test_who_is_not_let_in_is_told_what_to_set(server: RegistryServer, login: str, more: dict[str, str], said: str) -> None:
    server.login = login
    with pytest.raises(Refused, match=said) as caught:
        pushed(server, **more)
    assert "wrong" not in str(caught.value)
    assert not server.blobs


@pytest.mark.parametrize("user", ["", USER])
def test_a_login_at_another_host_is_not_asked_unless_it_was_named(server: RegistryServer, user: str) -> None:
    """The registry chooses that address: a password must not follow it, and no connection either."""
    with registry() as elsewhere:
        server.login = "bearer"
        server.realm = f"http://localhost:{elsewhere.url.rpartition(':')[2]}/token"
        with pytest.raises(Refused, match=r"log in at 'http://localhost:\S+/token', which is another host"):
            pushed(server, user=user)
        assert not elsewhere.asked
        assert pushed(server, user=USER, login=server.realm)[0].sent
        assert elsewhere.asked


@pytest.mark.parametrize("to", ["http://localhost:1/v2/x", "https://127.0.0.1:1/v2/x", "http://example.org/v2/x", "//other/x"])
def test_an_upload_that_leads_elsewhere_is_not_followed(server: RegistryServer, to: str) -> None:
    server.odd = lambda asked, _: Said(status=202, headers={"Location": to}) if asked.method == "POST" else None
    with pytest.raises(Refused, match="which the operator did not name; nothing was sent there"):
        pushed(server)
    assert not any(one.method == "PATCH" for one in server.asked)


def once(method: str, number: int, said: Said) -> Callable[[Asked, RegistryServer], Said | None]:
    """Answer *said* to the request number *number* of this *method*."""
    count = 0

    def odd(asked: Asked, _: RegistryServer) -> Said | None:
        nonlocal count
        count += asked.method == method
        return said if asked.method == method and count == number else None

    return odd


CUT = Said(status=0, cut=True)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize("said", [CUT, error(503, "UNAVAILABLE", "later"), error(416, "BLOB_UPLOAD_INVALID", "another byte")])
def test_a_blob_goes_on_after_a_piece_that_was_lost(server: RegistryServer, number: int, said: Said) -> None:
    server.odd = once("PATCH", number, said)
    assert pushed(server)[0].sent
    assert server.blobs["arcops/server"][image().blobs[1].digest] == LAYER


def test_a_piece_that_arrived_and_was_not_acknowledged_is_not_sent_again(server: RegistryServer) -> None:
    def odd(asked: Asked, here: RegistryServer) -> Said | None:
        if asked.method == "PATCH" and asked.headers["Content-Range"].startswith("1000-") and not taken:
            taken.append(here.answer(asked))
            return CUT
        return None

    taken: list[Said] = []
    server.odd = odd
    pushed(server)
    ranges = [one.headers["Content-Range"] for one in server.asked if one.method == "PATCH"]
    assert ranges == ["0-1", "0-999", "1000-1999", "2000-2559"]
    assert taken


def test_one_that_always_breaks_off_ends_and_the_same_again_goes_on(server: RegistryServer) -> None:
    server.odd = lambda asked, _: CUT if asked.method == "PATCH" and len(asked.body) > 2 else None
    with pytest.raises(Unavailable):
        pushed(server)
    assert len(server.blobs["arcops/server"]) == 1, "the first blob"
    server.odd = lambda asked, _: None
    assert pushed(server)[0].sent == len(LAYER), "it is not sent again"


@pytest.mark.parametrize("number", range(1, 16))
def test_cut_off_at_any_request_the_same_again_ends_it(server: RegistryServer, number: int) -> None:
    count = 0

    def odd(asked: Asked, _: RegistryServer) -> Said | None:
        nonlocal count
        count += 1
        return error(503, "UNAVAILABLE", "gone") if count >= number else None

    server.odd = odd
    with pytest.raises(Unavailable, match=r"answers 503.*; run the same again"):
        pushed(server)
    server.odd = lambda asked, _: None
    assert pushed(server)[0].reference.endswith(image().root.digest)


def other_manifest(asked: Asked, _: RegistryServer) -> Said | None:
    """A registry that gives back something else, as one that rewrites images."""
    read = asked.method == "GET" and "/manifests/" in asked.path
    return Said(status=200, headers={"Content-Type": INDEX}, body=b'{"schemaVersion":2}') if read else None


def another_tag(asked: Asked, here: RegistryServer) -> Said | None:
    """A registry in which a tag cannot be moved, and that does not say so."""
    return Said(status=201) if asked.method == "PUT" and asked.path.endswith("/0.1.0-abc") else None


def another_digest(asked: Asked, here: RegistryServer) -> Said | None:
    put = asked.method == "PUT" and "/manifests/" in asked.path
    return Said(status=201, headers={"Docker-Content-Digest": "sha256:" + "1" * 64}) if put else None


def nothing_kept(asked: Asked, here: RegistryServer) -> Said | None:
    return Said(status=201) if asked.method == "PUT" else None


@pytest.mark.parametrize("odd", [other_manifest, another_tag, another_digest, nothing_kept])
def test_a_registry_that_has_not_what_was_brought_is_refused(
    server: RegistryServer, odd: Callable[[Asked, RegistryServer], Said | None]
) -> None:
    server.odd = odd
    with pytest.raises(Refused, match=r"does not give back what was brought|keeps sha256:\S+ as 'sha256:1111"):
        pushed(server)


def test_a_blob_of_another_length_does_not_count_as_there(server: RegistryServer) -> None:
    blob = image().blobs[1]
    server.blobs["arcops/server"] = {blob.digest: b"short"}
    pushed(server)
    assert server.blobs["arcops/server"][blob.digest] == LAYER


def test_content_that_is_not_its_digest_is_not_taken(server: RegistryServer) -> None:
    good = image()
    bad = replace(good, read=lambda one, at, count: good.read(one, at, count).replace(b"\x05", b"\x06"))
    with pytest.raises(Refused, match=r"does not take the blob sha256:\S+: it answers 400 \(DIGEST_INVALID"):
        pushed(server, bad)


def test_an_image_that_cannot_have_its_name_is_refused_before_anything_is_sent(server: RegistryServer) -> None:
    with pytest.raises(Refused, match="cannot be the name of an image"):
        pushed(server, image(), image("Not_A_Name"))
    assert not server.asked


@pytest.mark.parametrize("status", [404, 405, 302, 200])
def test_what_is_no_registry_is_said_so(server: RegistryServer, status: int) -> None:
    server.odd = lambda asked, _: Said(status=status, headers={"Location": "https://example.org/"})
    with pytest.raises(Refused, match="does not take"):
        pushed(server)
