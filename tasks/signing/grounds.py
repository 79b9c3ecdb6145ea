"""Reads the public keys and the revocation lists of the trust folder, with which artifacts are checked.

`tasks.signing.trust` reads the whole trust folder, for all kinds of signatures. Artifacts are signed only by keys, and
`arcops verify` needs no more: the reader of lists is imported only if there is a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import Refused, Unavailable
from arcops.policy import MOST_LIST_AGE
from artifacts.private_folder import refuse_if_open
from artifacts.public_key import PublicKey, load_public_key
from artifacts.reading import read_file
from artifacts.vouch import Grounds

if TYPE_CHECKING:
    from arcops.seen.signatures import RevocationsSeen

_MOST_KEY_BYTES = 64 * 1024


def grounds(folder: Path, *, most_list_age: timedelta = MOST_LIST_AGE) -> Grounds:
    """The keys and revocation lists in the trust *folder*. Raises `Refused` if it holds no key or is not valid."""
    return Grounds(keys=trusted_keys(folder), revocations=revocation_lists(folder), most_list_age=most_list_age)


def grounds_of(keys: Sequence[PublicKey], folder: Path) -> Grounds:
    """*keys*, which a person named, and the revocation lists of the trust *folder* if there are any."""
    return Grounds(keys=tuple(keys), revocations=revocation_lists(folder))


def trusted_keys(folder: Path) -> tuple[PublicKey, ...]:
    """The public keys of the trust *folder*. Raises `Refused` if there is no key: nothing could be verified."""
    keys = folder / "keys"
    for place in (folder, keys):
        refuse_if_open(place, "a trusted key")
    try:
        paths = sorted(path for path in keys.iterdir() if path.suffix in (".pub", ".pem")) if keys.is_dir() else []
    except OSError as error:
        raise Unavailable(f"the trusted keys in {keys} cannot be read: {error.strerror}") from error
    if not paths:
        raise Refused(f"no key is trusted on this machine; add one to {keys} with 'arcops keys trust FILE'")
    return tuple(load_public_key(read_file(path, _MOST_KEY_BYTES), where=path.name) for path in paths)


def revocation_lists(folder: Path) -> tuple[RevocationsSeen, ...]:
    """Every revocation list of the trust *folder*; an invalid one says so. Raises `Refused` if the folder is not valid."""
    lists = folder / "revocations"
    try:
        found = [path for path in lists.iterdir() if not path.name.startswith((".", "README"))]
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise Unavailable(f"the revocation lists in {lists} cannot be read: {error.strerror}") from error
    if not found:
        return ()
    from tasks.signing.revocations import revocations
    from tasks.signing.trust import load_trust

    return revocations(load_trust(folder))
