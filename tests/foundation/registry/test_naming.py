"""The registry's name: what is refused would have led pods, or the images, elsewhere."""

from __future__ import annotations

import pytest

from arcops.errors import Refused
from foundation.registry.naming import read_registry

pytestmark = pytest.mark.requirement("BASE-8/bundle-for-an-air-gap")
DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("https://registry.example.org/arcops", f"registry.example.org/arcops/server@{DIGEST}"),
        ("https://Registry.Example.org:5000/a/b_c/", f"registry.example.org:5000/a/b_c/server@{DIGEST}"),
        ("https://registry:443", f"registry:443/server@{DIGEST}"),
        ("http://localhost/x", f"localhost/x/server@{DIGEST}"),
        ("http://127.0.0.1:5000", f"127.0.0.1:5000/server@{DIGEST}"),
    ],
)
def test_the_name_that_a_pod_takes(text: str, named: str) -> None:
    assert read_registry(text).named("server", DIGEST) == named


@pytest.mark.parametrize(
    "text",
    [
        "https://registry/arcops",
        "registry.example.org/arcops",
        "https://user:word@registry.example.org/arcops",
        "https://registry.example.org/Arcops",
        "https://registry.example.org/a//b",
        "https://registry.example.org/../b",
        "https://registry.example.org/a?b=c",
        "https://registry.example.org/a#b",
        "oci://registry.example.org/a",
        "",
    ],
)
def test_what_is_no_name_of_a_registry(text: str) -> None:
    with pytest.raises(Refused, match="ARCOPS_REGISTRY"):
        read_registry(text)


def test_a_host_without_a_domain_would_be_looked_for_at_docker_hub() -> None:
    with pytest.raises(Refused, match=r"at docker\.io; write it with its domain, or with its port: registry:443"):
        read_registry("https://registry/arcops")


@pytest.mark.parametrize("image", ["Server", "a b", "-a", "", "a..b", "a/", "x" * 300])
def test_what_is_no_name_of_an_image(image: str) -> None:
    with pytest.raises(Refused, match="cannot be the name of an image"):
        read_registry("https://registry.example.org/arcops").named(image, DIGEST)
