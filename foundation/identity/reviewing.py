"""Tokens of a cluster's service accounts: its API server is asked about each (authentication.k8s.io/v1, TokenReview).

The caller is the service account's ``uid``: its name may be given to another one, after it was deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.identity import Identity
from arcops.late_pattern import late
from arcops.tier import Tier
from artifacts.reading import read_file
from foundation.claims import MOST_SUBJECT, NotAccepted, claims_said, number
from foundation.egress import cluster, tls
from foundation.identity.accepted import Accepted
from foundation.identity.issuers import INTROSPECTION_SECONDS, Issuer, Reviewed
from foundation.issuing import ASK_SECONDS, MOST_ANSWER, NoAnswer, read_object
from foundation.secrets import referred
from foundation.tokens import fits

PATH = "/apis/authentication.k8s.io/v1/tokenreviews"
_VERSION, _KIND = "authentication.k8s.io/v1", "TokenReview"
_ACCOUNT = late(r"system:serviceaccount:[a-z0-9-]{1,63}:[a-z0-9.-]{1,253}")
_TOKEN = late(r"[\x21-\x7e]+")
_MOST_FILE = 1024 * 1024
_MOST_GROUPS = 500
_DENIED = (401, 403)
POD = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""What every pod gets for its own service account (Kubernetes, "Accessing the Kubernetes API from a Pod")."""
_log = logging.getLogger(__name__)


class Post(Protocol):
    """Sends a TokenReview to the API server, and gives its answer. Raises `Unavailable`, and `NotGiven` for another status."""

    def __call__(self, reviewed: Reviewed, tier: Tier, body: Mapping[str, object], /) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """Asks the cluster that is ``issuer`` by ``post``. ``now`` is in seconds since 1970."""

    issuer: Issuer
    now: Callable[[], float]
    post: Post

    def __call__(self, token: str) -> Accepted:
        """Who shows *token*, and until when the answer counts. Raises as `foundation.identity.asking.Asked` wants it."""
        reviewed = self.issuer.reviewed
        assert reviewed is not None, "a reviewed issuer"  # noqa: S101
        body = {
            "apiVersion": _VERSION,
            "kind": _KIND,
            "spec": {"token": token, "audiences": [self.issuer.audience]},
        }
        try:
            answer = self.post(reviewed, self.issuer.tier, body)
        except cluster.NotGiven as error:
            _log.warning("a token of a service account cannot be checked: the API server answers %s", error.status)
            right = "; let the account of ArcOps create tokenreviews (ClusterRole system:auth-delegator)"
            raise Unavailable(
                f"the API server answers {error.status} to a TokenReview, so no token of a service account can be checked"
                f"{right if error.status in _DENIED else ''}"
            ) from error
        except ArcOpsError as error:
            _log.warning("a token of a service account cannot be checked: %s", error)
            raise
        return judged(answer, claims_said(token), self.issuer, self.now())

    def refuse_unfit(self, token: str) -> None:
        """Raise `NotAccepted` for a *token* that says itself that it is not for here and now: it is not asked about."""
        fits(claims_said(token), self.issuer, self.now())


def judged(answer: bytes, claims: Mapping[str, Any], issuer: Issuer, now: float) -> Accepted:
    """Who the *answer* of the API server names, for a token with *claims*, which fit already; and until when it counts.

    Raises `NotAccepted` if the token is not authentic or not for here, and `Unavailable` if it is no answer of the protocol. A
    server that does not say which audience it checked did not check this one (API reference, TokenReviewStatus).
    """
    said = read_object(answer)
    status = said.get("status")
    if said.get("kind") != _KIND or said.get("apiVersion") != _VERSION or not isinstance(status, dict):
        raise Unavailable("the API server's answer is no TokenReview, so the token cannot be checked")
    authentic = status.get("authenticated", False)
    if not isinstance(authentic, bool):
        raise Unavailable("the API server's answer does not say whether the token is authentic, so it cannot be checked")
    if not authentic or status.get("error"):
        raise NotAccepted("the cluster says that the token is not authentic: it ended, or its pod or account is gone")
    audiences = status.get("audiences")
    if not isinstance(audiences, list) or issuer.audience not in audiences:
        raise NotAccepted("the cluster did not check that the token is for this server")
    user = status.get("user")
    name, id_ = (user.get("username"), user.get("uid")) if isinstance(user, dict) else (None, None)
    if not isinstance(name, str) or not _ACCOUNT.fullmatch(name) or name != claims.get("sub"):
        raise NotAccepted("the cluster says that the token is not of the service account that it names")
    if not isinstance(id_, str) or not 0 < len(id_) <= MOST_SUBJECT or not id_.isprintable() or id_ != id_.strip():
        raise NotAccepted("the cluster does not give the uid of the token's service account")
    issued = claims.get("jti")
    return Accepted(
        identity=Identity(issuer=issuer.name, tenant="", id=id_, roles=_groups(user)),
        until=min(float(claims["exp"]), now + INTROSPECTION_SECONDS),
        issued=number(claims.get("iat")),
        id=issued if isinstance(issued, str) else "",
    )


def poster(environment: Mapping[str, str], pod: Path = POD) -> Post:
    """What asks an API server, with the token and the authorities that *environment* or the *pod*'s folder names: they are read
    for each question, because they are replaced while a server runs.
    """

    def posted(reviewed: Reviewed, tier: Tier, body: Mapping[str, object], /) -> bytes:
        try:
            api = _api(reviewed, tier, environment, pod)
        except Refused as error:
            _log.warning("the API server cannot be asked: %s", error)
            raise Unavailable(
                "the cluster's API server cannot be asked about the token; its operator finds the reason in the log"
            ) from error
        try:
            return api.post(PATH, body, most=MOST_ANSWER, seconds=ASK_SECONDS)
        except Unavailable as error:
            raise NoAnswer(str(error)) from error
        finally:
            api.close()

    return posted


def refuse_unready(reviewed: Reviewed, tier: Tier, environment: Mapping[str, str], pod: Path = POD) -> None:
    """Raise `Refused` with the reason if the API server cannot be asked as *reviewed* says. No connection is opened."""
    _api(reviewed, tier, environment, pod).close()


def _api(reviewed: Reviewed, tier: Tier, environment: Mapping[str, str], pod: Path) -> cluster.ApiServer:
    if reviewed.server:
        server, authority = reviewed.server, _text(Path(reviewed.authority))
        token = referred(environment, reviewed.token, "token of ARCOPS_OIDC_REVIEW_TOKEN")
    else:
        server, authority, token = _server(environment), _text(pod / "ca.crt"), _text(pod / "token").strip()
    if not _TOKEN.fullmatch(token):
        raise Refused("the token to ask the cluster's API server with holds a character that a header must not have")
    try:
        if "BEGIN" not in authority:  # without any, those of the system would count
            raise tls.NotUsable
        context = tls.context(authority)
    except tls.NotUsable:
        raise Refused("the authorities of the cluster's API server are no certificates in PEM; write them again") from None
    way = cluster.ClusterWay(server=server, tls=context, verify=True, tls_name="", proxy="", direct=True)
    return cluster.ApiServer(tier, way, authorization=f"Bearer {token}")


def _server(environment: Mapping[str, str]) -> str:
    host, port = (environment.get(f"KUBERNETES_SERVICE_{one}", "") for one in ("HOST", "PORT"))
    if not host or not port:
        raise Refused(
            "ARCOPS_OIDC_REVIEW is in-cluster, but this is no pod (KUBERNETES_SERVICE_HOST is not set); set it to the address "
            "of the API server"
        )
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _text(path: Path) -> str:
    try:
        return read_file(path, _MOST_FILE).decode("ascii")
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not plain text") from error


def _groups(user: object) -> frozenset[str]:
    found = user.get("groups", []) if isinstance(user, dict) else []
    if not isinstance(found, list):
        return frozenset()
    return frozenset(one for one in found[:_MOST_GROUPS] if isinstance(one, str) and 0 < len(one) <= 255 and one.isprintable())
