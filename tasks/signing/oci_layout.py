"""Cosign signatures over the images of an OCI image layout on disk (image-spec 1.1 ``image-layout.md``, cosign's
``SIGNATURE_SPEC.md``).

Three ways to attach one are read: cosign's ``sha256-….sig`` tag, the annotated index that cosign saves, and the referrers of
OCI 1.1. A signature covers every blob that its image refers to. The files ``index.json`` and ``oci-layout`` and
the signature's own blobs only hold it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from arcops.errors import Refused
from arcops.late_pattern import late
from arcops.request import Request
from arcops.seen.signatures import Covered, SignatureSeen
from arcops.seen.tree import FileSeen, Tree
from artifacts.envelope import strict_base64, strict_json
from tasks.files.reading import MIB, read_seen
from tasks.signing import proto_json
from tasks.signing.blob import Blob
from tasks.signing.blob_signatures import open_detached
from tasks.signing.bundles import OpenedBundle, open_bundle
from tasks.signing.model_signing import predicate_type
from tasks.signing.trust import Trust

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
_BUNDLE = late(r"application/vnd\.dev\.sigstore\.bundle(\.v0\.3\+json|\+json;version=0\.[123])")
_SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
_DIGEST = late(r"sha256:([0-9a-f]{64})")
_MOST = 4 * MIB
_DEEPEST = 8
_MOST_LAYERS = 4096
"""The most layers in all manifests. Each may be a signature, for which a whole blob is read, and all may name one blob."""


def image_signatures(request: Request, tree: Tree, trust: Trust) -> tuple[SignatureSeen, ...]:
    """Every cosign signature in the layout; empty if the target is not a layout. Raises `Refused` for a broken layout."""
    if tree.file("oci-layout") is None or tree.file("index.json") is None:
        return ()
    return tuple(_Layout(request, tree).signatures(trust))


class _Layout:
    """One image layout, read through the digests that the tree holds."""

    def __init__(self, request: Request, tree: Tree) -> None:
        self._request = request
        self._tree = tree
        self._files = {file.path: file for file in tree.files}
        marker = self._json(self._file("oci-layout"))
        if marker.get("imageLayoutVersion") != "1.0.0":
            raise Refused(f"oci-layout has version {marker.get('imageLayoutVersion')!r}; ArcOps reads only 1.0.0")
        for path, file in self._files.items():
            if path.startswith("blobs/sha256/") and path != f"blobs/sha256/{file.sha256}":
                raise Refused(f"the content of {path} does not match its name: its SHA-256 is {file.sha256}")

    def signatures(self, trust: Trust) -> Iterator[SignatureSeen]:
        left = _MOST_LAYERS
        for descriptor in self._manifests():
            manifest_file = self._blob(descriptor)
            manifest = self._json(manifest_file)
            for layer in _objects(manifest.get("layers")):
                left -= 1
                if left < 0:
                    raise Refused(f"the layout has more than {_MOST_LAYERS} layers in its manifests, the limit for reading")
                if layer.get("mediaType") == SIMPLE_SIGNING:
                    yield self._seen(manifest_file, manifest, layer, trust)
                elif _BUNDLE.fullmatch(str(layer.get("mediaType"))) and "subject" in manifest:
                    found = self._bundled(manifest_file, manifest, layer, trust)
                    if found is not None:
                        yield found

    def _manifests(self) -> Iterator[dict[str, object]]:
        """Descriptors of the image manifests that ``index.json`` names, through nested indexes."""
        waiting = deque((descriptor, 0) for descriptor in _objects(self._json(self._file("index.json")).get("manifests")))
        done: set[str] = set()
        while waiting:
            descriptor, depth = waiting.popleft()
            digest = _hex(descriptor.get("digest"))
            if digest in done:
                continue
            done.add(digest)
            document = self._json(self._blob(descriptor))
            if "manifests" in document:
                if depth >= _DEEPEST:
                    raise Refused(f"index.json nests indexes more than {_DEEPEST} levels deep")
                waiting.extend((inner, depth + 1) for inner in _objects(document["manifests"]))
            else:
                yield descriptor

    def _seen(
        self, manifest_file: FileSeen, manifest: dict[str, object], layer: dict[str, object], trust: Trust
    ) -> SignatureSeen:
        payload = self._blob(layer)
        blank = self._blank(manifest_file, manifest, payload, "cosign-image")
        try:
            annotations = layer.get("annotations")
            text = annotations.get(SIGNATURE) if isinstance(annotations, dict) else None
            if not isinstance(text, str):
                raise Refused(f"its layer has no annotation {SIGNATURE}")
            strict_base64(text, "its signature")
            data = read_seen(self._request, payload, _MOST)
            opened = open_detached(text.encode(), Blob.of(data), trust)
            return self._covering(blank, opened, _image_of(data))
        except Refused as error:
            return replace(blank, problem=f"{blank.path} proves nothing: {error}")

    def _bundled(
        self, manifest_file: FileSeen, manifest: dict[str, object], layer: dict[str, object], trust: Trust
    ) -> SignatureSeen | None:
        file = self._blob(layer)
        blank = self._blank(manifest_file, manifest, file, "cosign-image-bundle")
        try:
            data = read_seen(self._request, file, _MOST)
            image = _hex(_object(manifest["subject"]).get("digest"))
            document = _object(strict_json(data, "it"))
            if proto_json.field(document, "messageSignature", "it") is not None:
                signed = read_seen(self._request, self._file(f"blobs/sha256/{image}"), _MOST)
                return self._covering(blank, open_bundle(data, trust, artifact=signed, where=blank.path), image)
            opened = open_bundle(data, trust, artifact_sha256=image, where=blank.path)
            # Any other statement about the image is an attestation, which does not say who released the image.
            return self._covering(blank, opened, image) if predicate_type(opened.payload) == _SIGN_PREDICATE else None
        except Refused as error:
            return replace(blank, problem=str(error))

    def _blank(self, manifest_file: FileSeen, manifest: dict[str, object], file: FileSeen, kind: str) -> SignatureSeen:
        own = {manifest_file.path: manifest_file, file.path: file}
        for name in ("oci-layout", "index.json"):
            own[name] = self._file(name)
        if isinstance(manifest.get("config"), dict):
            config = self._blob(_object(manifest["config"]))
            # Anyone may write a manifest around a valid signature, so its configuration must be only JSON.
            self._json(config)
            own[config.path] = config
        carriers = tuple(Covered(path=path, sha256=own[path].sha256) for path in sorted(own))
        return SignatureSeen(path=file.path, sha256=file.sha256, attached=False, format=kind, carriers=carriers)

    def _covering(self, blank: SignatureSeen, opened: OpenedBundle, image: str) -> SignatureSeen:
        paths = sorted(self._reached(image))
        return replace(
            blank,
            signers=opened.signers,
            keys=opened.keys,
            trusted_time=opened.trusted_time,
            covers=tuple(Covered(path=path, sha256=path.rpartition("/")[2]) for path in paths),
            model_digest=image,
        )

    def _reached(self, image: str) -> set[str]:
        """The paths of all blobs below the manifest or index *image*, whether they exist or not."""
        found: set[str] = set()
        waiting = [(image, 0)]
        while waiting:
            digest, depth = waiting.pop()
            path = f"blobs/sha256/{digest}"
            if path in found:
                continue
            found.add(path)
            if depth > _DEEPEST:
                raise Refused(f"image {image} is nested more than {_DEEPEST} levels deep")
            document = self._json(self._file(path))
            waiting.extend((_hex(inner.get("digest")), depth + 1) for inner in _objects(document.get("manifests")))
            leaves = [*_objects(document.get("layers")), *([document["config"]] if "config" in document else [])]
            found.update(f"blobs/sha256/{_hex(_object(leaf).get('digest'))}" for leaf in leaves)
        return found

    def _blob(self, descriptor: dict[str, object]) -> FileSeen:
        file = self._file(f"blobs/sha256/{_hex(descriptor.get('digest'))}")
        if descriptor.get("size") != file.size:
            raise Refused(f"{file.path} has {file.size} bytes, but its descriptor says {descriptor.get('size')}")
        return file

    def _file(self, path: str) -> FileSeen:
        file = self._files.get(path)
        if file is None:
            raise Refused(f"the image layout has no file {path}, which its index refers to")
        return file

    def _json(self, file: FileSeen) -> dict[str, object]:
        return _object(strict_json(read_seen(self._request, file, _MOST), f"{file.path}"))


def _image_of(payload: bytes) -> str:
    """The image that the simple signing document *payload* names (cosign ``SIGNATURE_SPEC.md``, *Payloads*)."""
    critical = _object(_object(strict_json(payload, "its payload")).get("critical"))
    if critical.get("type") != "cosign container image signature":
        raise Refused(f"its payload is of type {critical.get('type')!r}, not a cosign container image signature")
    return _hex(_object(critical.get("image")).get("docker-manifest-digest"))


def _hex(digest: object) -> str:
    match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if match is None:
        raise Refused(f"the digest {digest!r} is not 'sha256:' and 64 hex digits")
    return match.group(1)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Refused("the image layout is malformed: a JSON object is missing")
    return value


def _objects(value: object) -> list[dict[str, object]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused("the image layout is malformed: a JSON list is missing")
    return [_object(item) for item in value]
