"""The keys of issuers, beside the passes: a pass asks for them and goes on; when there are others, another pass is made."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from adapters.kube.api import Cluster, NotDone
from adapters.kube.keys import ServerKey
from adapters.kube.sources import Sources
from arcops.errors import ArcOpsError
from services.operator.issuers import NO_KEYS, kept_keys
from services.operator.sidecar import TrustedIssuer

FRESH_SECONDS, AGAIN_SECONDS = 300.0, 30.0
"""How soon keys are fetched again, and after a failure."""
KEPT_SECONDS = 3600.0
"""How long keys count whose issuer does not answer: one of them may have been withdrawn meanwhile."""
_AT_ONCE = 4
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Known:
    """``good`` is when the keys were fetched last, or first asked for; ``asked`` when it was tried last."""

    good: float
    asked: float = 0.0
    text: str = ""
    problem: str = ""
    asking: bool = False
    wanted_by: set[ServerKey] = field(default_factory=set)


class Issuers:
    """The keys of each issuer that a resource names."""

    def __init__(
        self,
        cluster: Cluster,
        sources: Sources,
        again: Callable[[ServerKey], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._sources, self._again, self._clock = cluster, sources, again, clock
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="issuer")
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], _Known] = {}

    def of(self, key: ServerKey, issuer: TrustedIssuer) -> tuple[str, str]:
        """The key set of *issuer*, empty if it is not known yet, and what is wrong. *key* hears when there is another one."""
        place, now = (issuer.issuer, issuer.jwks_url), self._clock()
        with self._lock:
            for other in [one for one, found in self._known.items() if one != place and key in found.wanted_by]:
                self._leave(other, key)
            known = self._known.setdefault(place, _Known(good=now))
            known.wanted_by.add(key)
            due = not known.asked or now - known.asked >= (AGAIN_SECONDS if known.problem else FRESH_SECONDS)
            begins, known.asking = due and not known.asking, known.asking or due
            if known.problem and now - known.good >= KEPT_SECONDS:
                known.text = NO_KEYS
            found = known.text, known.problem
        if begins:
            self._pool.submit(self._ask, place, issuer)
        return found

    def forget(self, key: ServerKey) -> None:
        """The resource is gone, or names no issuer."""
        with self._lock:
            for place in [one for one, found in self._known.items() if key in found.wanted_by]:
                self._leave(place, key)

    def end(self) -> None:
        """Ask no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _leave(self, place: tuple[str, str], key: ServerKey) -> None:
        known = self._known[place]
        known.wanted_by.discard(key)
        if not known.wanted_by and not known.asking:
            del self._known[place]

    def _ask(self, place: tuple[str, str], issuer: TrustedIssuer) -> None:
        text, problem = "", ""
        try:
            own = issuer.issuer == self._sources.site().issuer and not issuer.jwks_url
            text = kept_keys(self._cluster.token_keys() if own else self._sources.keys(issuer))
        except (ArcOpsError, NotDone) as error:
            problem = str(error)
            _log.warning("the keys of the issuer %s cannot be fetched: %s", issuer.issuer[:200], problem)
        except Exception as error:  # one issuer's fault must not end the operator
            _log.exception("the keys of the issuer %s cannot be fetched", issuer.issuer[:200])
            problem = f"they could not be asked for: {type(error).__name__}"
        with self._lock:
            known, now = self._known[place], self._clock()
            before = known.text, known.problem
            known.asking, known.asked, known.problem = False, now, problem
            if text:
                known.text, known.good = text, now
            tell = tuple(known.wanted_by) if (known.text, known.problem) != before else ()
            if not known.wanted_by:
                del self._known[place]
        for key in tell:
            self._again(key)
