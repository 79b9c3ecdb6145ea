"""Does a server speak MCP, as its resource says? Asked before it is Ready, and again now and then.

The relay beside a hosted server shakes hands with it over its own way, a socket or a port of the pod, and tells here what it
heard. A remote server is asked itself, at addresses alone to which a resource may send the operator
(`foundation.egress.outside`), without any credential.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.tier import Tier
from artifacts.envelope import strict_json
from foundation.egress import web
from foundation.egress.outside import Outside
from foundation.egress.permission import Purpose
from manifests.server.names import HEALTH_PORT
from manifests.server.spec import ServerSpec, ServerType, Transport
from services.operator.keeping_its_word import unlike
from services.operator.observed import Handshake
from services.operator.resource import ServerResource
from tasks.server.first_words import VERSIONS
from tasks.server.over_http import Listened, Posted
from tasks.server.talk import MODERN, Talk, discovering, initializing

_MOST_PODS = 3
_MOST_ANSWER = 64 * 1024
_MOST_WORD = 500
_POD = Purpose(what="the address of a pod", form="it is an address", instead="set ARCOPS_TIER=restricted for the operator")
_NO_CREDENTIAL = "the operator has no credential for it, so what it speaks cannot be checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How servers are asked: in which ``tier``, within how many ``seconds`` each. A remote one is asked ``outside`` alone; its
    certificate comes from ``authorities`` (PEM; the usual if empty).
    """

    tier: Tier = Tier.RESTRICTED
    seconds: float = 10.0
    outside: Outside = field(default_factory=Outside)
    authorities: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    versions: tuple[str, ...]
    capabilities: frozenset[str]
    server: str
    problem: str = ""


def shaken(resource: ServerResource, addresses: tuple[str, ...], of: int, by: Asking) -> Handshake:
    """What the server of *resource* said, asked *by* these means; never an exception for a server that does not answer.

    *addresses* are those of its pods (``ADDRESS``, or ``ADDRESS:PORT`` of the relay's probes), of which a few are asked, and
    all of them have to speak. *of* is the generation that answers.
    """
    spec = resource.spec
    try:
        heard = _remote(spec, by) if spec.type is ServerType.REMOTE else _hosted(addresses, by)
    except ArcOpsError as error:
        return Handshake(of=of, problem=_said(str(error)))
    problem = heard.problem or unlike(
        heard.versions, heard.capabilities, wanted=spec.protocol_versions, promised=spec.capabilities
    )
    wanted = [one for one in heard.versions if not spec.protocol_versions or one in spec.protocol_versions] or heard.versions
    return Handshake(
        of=of,
        problem=_said(problem),
        protocol_version=wanted[-1] if wanted else "",
        server=heard.server,
        capabilities=heard.capabilities,
    )


def _hosted(addresses: tuple[str, ...], by: Asking) -> _Heard:
    if not addresses:
        raise Unavailable("no pod of it has an address yet")
    found = [_relays(one, by) for one in addresses[:_MOST_PODS]]
    return next((one for one in found if one.problem or not one.versions), found[0])


def _relays(address: str, by: Asking) -> _Heard:
    """What the relay in the pod at *address* heard. Raises `Unavailable`; `Refused` if that is no relay of ours."""
    bare = address.count(":") != 1
    at = f"[{address}]:{HEALTH_PORT}" if ":" in address and bare else f"{address}:{HEALTH_PORT}" if bare else address
    said = strict_json(asyncio.run(_get(f"http://{at}/handshake", by)), "the answer of the pod's relay")
    if not isinstance(said, dict) or not isinstance(problem := said.get("problem"), str):
        raise Refused("what answers in the pod is not its relay")
    return _Heard(
        versions=tuple(one for one in _words(said.get("protocolVersions")) if one in (*VERSIONS, MODERN)),
        capabilities=frozenset(_words(said.get("capabilities"))),
        server=_said(server) if isinstance(server := said.get("server"), str) else "",
        problem=problem,
    )


async def _get(url: str, by: Asking) -> bytes:
    try:
        async with (
            asyncio.timeout(by.seconds),
            web.client(by.tier, url, _POD, seconds=by.seconds) as client,
            client.stream("GET", url) as response,
        ):
            body = b""
            async for part in response.aiter_raw():
                body += part
                if len(body) > _MOST_ANSWER:
                    raise Refused(f"the pod's relay answers more than {_MOST_ANSWER} bytes")
            if response.status_code != 200:
                raise Unavailable(f"the pod's relay answers {response.status_code}")
            return body
    except TimeoutError:
        raise Unavailable(f"the pod's relay does not answer within {by.seconds:g} seconds") from None
    except web.failures() as error:
        raise Unavailable(f"the pod's relay does not answer ({type(error).__name__})") from error


def _remote(spec: ServerSpec, by: Asking) -> _Heard:
    """What the server at the URL says, in each era that it speaks. Raises `ArcOpsError`."""
    way = Listened if spec.transport is Transport.SSE else Posted
    versions: list[str] = []
    capabilities: set[str] = set()
    server, why = "", ""
    for modern in (False, True) if way is Posted else (False,):
        talk = way(
            url=spec.url,
            tier=by.tier,
            headers={},
            seconds=by.seconds,
            alive=bool,
            authorities=by.authorities,
            outside=by.outside,
            instead=_NO_CREDENTIAL,
        )
        try:
            with talk:
                found, offers, name = _opened(talk, modern=modern)
        except Refused as error:
            if versions:
                continue
            raise error
        except Unavailable as error:
            why = why or str(error)
            continue
        versions += found
        capabilities |= offers
        server = server or name
    if not versions and why:
        raise Unavailable(why)
    return _Heard(versions=tuple(versions), capabilities=frozenset(capabilities), server=server)


def _opened(talk: Talk, *, modern: bool) -> tuple[list[str], frozenset[str], str]:
    """The revisions that a server speaks in one era, its capabilities and its name; nothing if it does not know this era."""
    method, params = ("server/discover", discovering()) if modern else ("initialize", initializing(able=False))
    answer = talk.call(method, params).get("result")
    result: Mapping[str, object] = answer if isinstance(answer, dict) else {}
    if modern:
        listed = result.get("supportedVersions")
        versions = [MODERN] if isinstance(listed, list) and MODERN in listed else []
    else:
        said = result.get("protocolVersion")
        versions = [one for one in VERSIONS if isinstance(said, str) and said in VERSIONS and one <= said]
        if versions:
            talk.notify("notifications/initialized")
    offered = result.get("capabilities")
    offers = offered if isinstance(offered, dict) else {}
    names = frozenset(name for name, value in offers.items() if value is not None and value is not False)
    info = result.get("serverInfo")
    name = " ".join(str(info.get(one, "")) for one in ("name", "version")).strip() if isinstance(info, dict) else ""
    return versions, names if versions else frozenset(), _said(name)


def _words(value: object) -> tuple[str, ...]:
    return tuple(one for one in value[:50] if isinstance(one, str) and len(one) <= 100) if isinstance(value, list) else ()


def _said(text: str) -> str:
    """*text* as a status may show it: what a server says of itself is cut, and has no letters that cannot be seen."""
    return "".join(one for one in text if one.isprintable())[:_MOST_WORD]
