"""Ask a configuration service for an artifact. What comes is verified by the one who takes it, and not here."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

import anyio

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.egress.permission import Purpose, permitted
from foundation.egress.web import client as web_client
from foundation.egress.web import failures
from services.config.documents import BASE
from services.config.kit.asking import Answer, Transport

MOST_BYTES = 64 * 1024 * 1024
_SECONDS = 20.0
_PURPOSE = Purpose(
    what="the address of the configuration service",
    form="write it like https://conf.example.com",
    instead="use a mirror that was carried here (--mirror), or set ARCOPS_TIER=restricted",
)


def asking(url: str, tier: Tier) -> Transport:
    """The way to ask the service at *url* for the conformance kit. Raises `Refused` if *tier* does not reach it."""
    permitted(tier, url, _PURPOSE)

    def ask(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        ours = not path.startswith(("http://", "https://"))
        whole = f"{url.rstrip('/')}{path}" if ours else path
        if not ours and not whole.startswith(f"{url.rstrip('/')}/"):  # the token is for this service alone
            headers = {name: value for name, value in headers.items() if name != "Authorization"}

        async def send() -> Answer:
            async with web_client(tier, whole, _PURPOSE, seconds=_SECONDS, headers=headers) as client:
                found = await client.request(method, whole, content=body or None)
                return Answer(status=found.status_code, headers=dict(found.headers), body=found.content)

        try:
            return anyio.run(send)
        except failures() as error:
            raise Unavailable(f"the configuration service at {url} does not answer: {error}") from error

    return ask


def fetched(url: str, tier: Tier, *, client: str, profile: str, schema: str = "", machine: str = "", token: str = "") -> bytes:
    """The artifact for *client* in *profile* from the service at *url*. Raises `Refused` if it says no, else `Unavailable`."""
    asked = {name: value for name, value in (("schema", schema), ("machine", machine)) if value}
    path = f"{BASE}/configs/{quote(client, safe='')}/{quote(profile, safe='')}"
    whole = f"{url.rstrip('/')}{path}" + (f"?{urlencode(asked)}" if asked else "")
    return _got(whole, tier, url, token)


def fetched_file(url: str, tier: Tier, name: str, *, token: str = "") -> bytes:
    """The file of metadata *name* from the service at *url*. Raises as `fetched`."""
    return _got(f"{url.rstrip('/')}{BASE}/tuf/{quote(name, safe='')}", tier, url, token)


def _got(whole: str, tier: Tier, url: str, token: str) -> bytes:
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    async def get() -> tuple[int, bytes]:
        async with web_client(tier, whole, _PURPOSE, seconds=_SECONDS, headers=headers) as asking:
            answer = await asking.get(whole)
            return answer.status_code, answer.content

    try:
        status, body = anyio.run(get)
    except failures() as error:
        raise Unavailable(
            f"the configuration service at {url} does not answer: {error}; what is here stays as it is"
        ) from error
    if status >= 500 or status == 429:
        raise Unavailable(f"the configuration service at {url} answers {status}; what is here stays as it is: try again later")
    if status != 200 or len(body) > MOST_BYTES:
        raise Refused(f"the configuration service at {url} answers {status}: {body[:300].decode('utf-8', 'replace')}")
    return body
