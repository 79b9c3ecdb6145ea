"""The images of a bundle, brought into the registry that the operator named, and the values by which the chart takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from arcops.errors import Refused
from arcops.silence import unheard
from artifacts.signed_tar import SignedTar
from artifacts.site_bundle import SiteBundle
from foundation.registry.asking import Asking
from foundation.registry.pushing import Image, Pushed, push
from foundation.site_bundle.pieces import Layout, layouts

OF_THE_CHART = ("server", "worker", "operator", "relay", "postgresql")
"""The images that the chart's values name."""


def bring(
    tar: SignedTar, bundle: SiteBundle, tag: str, asking: Asking, step: Callable[[str], None] = unheard
) -> tuple[Pushed, ...]:
    """Let the images of *bundle*, which *tar* was verified as, be in the registry that *asking* asks. Raises as `push`."""
    images = tuple(_image(one, tar) for one in layouts({one.name: one for one in bundle.parts}, tar.read))
    if not images:
        raise Refused(f"{tar.what} carries no image, so there is nothing to bring to {asking.registry.host}")
    return tuple(push(images, tag, asking, step))


def values_for(pushed: Sequence[Pushed]) -> str:
    """Values for the chart (YAML): each image that it knows, by its name in the registry."""
    known = {one.name: one.reference for one in pushed if one.name in OF_THE_CHART}
    return "".join(("images:\n", *(f'  {name}: "{reference}"\n' for name, reference in known.items()))) if known else ""


def _image(layout: Layout, tar: SignedTar) -> Image:
    if len(layout.roots) != 1 or not layout.manifests or layout.roots[0] != layout.manifests[-1]:
        raise Refused(
            f"images/{layout.name} in {tar.what} has {len(layout.roots)} images in its index.json, so a pod cannot be told "
            "which is meant; make a bundle with a folder for each of them"
        )
    return Image(
        name=layout.name,
        root=layout.roots[0],
        blobs=layout.blobs,
        manifests=layout.manifests,
        read=lambda one, at, count: tar.part(layout.part(one), at, count),
    )
