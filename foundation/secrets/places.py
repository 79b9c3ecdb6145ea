"""The secrets of this process, by reference: of every scheme, in the reach of a tier, kept once for the whole process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.secrets.local import Local
from foundation.secrets.reference import is_remote, read_reference

if TYPE_CHECKING:
    from foundation.secrets.keeping import Secrets

T = TypeVar("T")
_DECIDING = (
    "VAULT_",
    "AWS_",
    "AZURE_",
    "KUBERNETES_SERVICE_",
    "ARCOPS_VAULT_",
    "ARCOPS_AWS_",
    "ARCOPS_AZURE_",
    "ARCOPS_SECRETS_",
)
_MOST_PLACES = 8
_LOCK = threading.Lock()


def referred(environment: Mapping[str, str], reference: str, what: str, *, tier: Tier | None = None) -> str:
    """The secret at *reference* (`foundation.secrets.reference`). *what* is its name in errors, such as ``API key``.

    *tier* is that of *environment* if it is not given. A secret in a remote place is kept until it expires. Raises `Refused`
    and `Unavailable`, which never hold the secret.
    """
    ref = read_reference(reference, what)
    if not ref.remote:
        return held(Local(environment=environment, what=what).read(ref).value)
    return _secrets(environment, tier).value(ref, what)


def newest(environment: Mapping[str, str], reference: str, what: str, *, tier: Tier | None = None) -> str:
    """As `referred`, but the place is asked now. If it does not answer, what is kept counts until it expires."""
    ref = read_reference(reference, what)
    if not ref.remote:
        return referred(environment, reference, what)
    return _secrets(environment, tier).latest(ref, what)


def with_secret(
    environment: Mapping[str, str],
    reference: str,
    what: str,
    use: Callable[[str], T],
    *,
    refused: Callable[[Exception], bool],
    tier: Tier | None = None,
) -> T:
    """What *use* gives with the secret. If it raises an error that *refused* knows, and the place has another secret by now,
    *use* is called once more with that one.
    """
    secret = referred(environment, reference, what, tier=tier)
    try:
        return use(secret)
    except Exception as error:
        if not (is_remote(reference) and refused(error)):
            raise
        new = newest(environment, reference, what, tier=tier)
        if new == secret:
            raise
    return use(new)


def forget(environment: Mapping[str, str], reference: str, what: str, *, tier: Tier | None = None) -> None:
    """The next one who needs the secret gets what its place has then."""
    ref = read_reference(reference, what)
    if ref.remote:
        _secrets(environment, tier).forget(ref)


def held(secret: str) -> str:
    """*secret*, which this process now holds: its memory is closed to this user's other processes and to core dumps, and no log
    line shows the secret.
    """
    from foundation.processes.kernel import hide_memory
    from foundation.telemetry.concealed import conceal

    hide_memory()
    conceal(secret)
    return secret


def _secrets(environment: Mapping[str, str], tier: Tier | None) -> Secrets:
    reach = tier or _tier(environment)
    if environment is not os.environ:  # of a caller's own making, such as a test's: nothing of it is kept
        return _made(environment, reach)
    with _LOCK:  # else two who begin at once would make two, and each would ask
        return _kept(reach, tuple(sorted((name, one) for name, one in environment.items() if name.startswith(_DECIDING))))


@lru_cache(maxsize=_MOST_PLACES)
def _kept(tier: Tier, _: tuple[tuple[str, str], ...]) -> Secrets:
    """For the variables that decide about places: another value of one makes other places."""
    return _made(os.environ, tier)


def _made(environment: Mapping[str, str], tier: Tier) -> Secrets:
    from foundation.secrets import stores  # only for a remote reference: most processes have none
    from foundation.secrets.keeping import Secrets

    return Secrets(stores.sources(environment, tier), seconds=stores.seconds(environment), learned=held)


def _tier(environment: Mapping[str, str]) -> Tier:
    text = environment.get("ARCOPS_TIER", Tier.AIR_GAPPED.value)
    try:
        return Tier(text)
    except ValueError:
        raise Refused(f"ARCOPS_TIER is {text[:50]!r}; use one of: {', '.join(one.value for one in Tier)}") from None
