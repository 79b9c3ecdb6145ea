"""The places of secrets in a draft: in each of its texts, in texts that belong together, and in the file around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from arcops.seen.client import ClientConfiguration, Draft, Wanted
from gates.client.client_configuration.addresses import address
from gates.client.client_configuration.disguises import LONGEST, MOST, readings
from gates.client.client_configuration.names import named_parameter, named_secret
from gates.client.client_configuration.options import secret_values, secret_values_of_a_line
from gates.client.client_configuration.tokens import random_groups, random_part, secret_form, secret_pair

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")

_WORD = re.compile(r"[^\s'\"(),;]{16,}")
_SCHEME = re.compile(r"(?i)(?:basic|bearer|digest|negotiate|ntlm|token|apikey|hawk|aws4-hmac-sha256)\s+\S")
"""A scheme of HTTP with something after it that every machine would have."""
_COMMIT = re.compile(r"\b(?:[0-9a-f]{40}|[0-9a-f]{64})\b")
"""The id of a commit, which a comment may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A secret: ``what`` it looks like, ``where`` in the draft, and on which ``line``, from 1; 0 if it is not one line."""

    where: str
    what: str
    line: int = 0


def secrets_in(body: ClientConfiguration) -> Iterator[Found]:
    """Every place of the draft at which a secret stands, or something that looks like one. No value is told."""
    for where, text in _texts(body.draft):
        if what := _secret(text):
            yield Found(where=where, what=what, line=_line(body.source, text))
    for server in body.draft.servers:
        yield from _by_name(server, body.source)
    for number, line in enumerate(body.source.splitlines(), 1):
        comment = line.partition("#")[2]
        if what := _known(line) or secret_pair(comment) or random_part(_COMMIT.sub(" ", line)):
            yield Found(where="the file", what=what, line=number)
    comments = _comments(body.source)
    if whole := _known("".join(comments)) or random_part("".join(one for one in comments if " " not in one)):
        yield Found(where="the comments of the file", what=whole)
    inputs = frozenset(one.name for one in body.draft.inputs)
    for made in body.made:  # a rule may have put one in
        text = made.payload
        if text and (what := secret_form(text) or random_part(text) or secret_pair(text, inputs)):
            yield Found(where=f"what {made.client} would read", what=what)


def secret_in(text: str) -> str:
    """What *text*, which stands beside a draft, holds that looks like a secret, in words; empty if nothing does."""
    return next((what for line in text.splitlines() if (what := _secret(_COMMIT.sub(" ", line)))), "")


def untold(sentence: str) -> str:
    """*sentence*, in which each word that looks like a secret is only begun: it may have stood in the place of a name."""
    return _WORD.sub(lambda word: f"{word[0][:4]}…" if secret_form(word[0]) or random_part(word[0]) else word[0], sentence)


def _secret(text: str) -> str:
    if what := _known(text, pairs=True):
        return what
    if part := random_part(text) or random_groups(text):
        return f"{part}, which looks random"
    return ""


def _known(text: str, *, pairs: bool = False) -> str:
    """The known form of a secret in one of the readings of *text*; with *pairs*, also a value after a secret's name.

    What cannot be looked through to its end is not taken for harmless.
    """
    if len(text) > LONGEST:
        return f"a text of {len(text)} characters, which is too long to be looked through"
    count = 0
    for one in readings(text):
        count += 1
        if what := secret_form(one) or (secret_pair(one, disguised=count > 1) if pairs else ""):
            return what
    return "a text that can be read in too many ways to be looked through" if count >= MOST else ""


def _texts(draft: Draft) -> Iterator[tuple[str, str]]:
    """Each text with its place, and the texts together that a program could put together."""
    for each in draft.inputs:
        yield f"the description of the input {each.name}", each.description
        yield f"the name of the input {each.name}", each.name
    yield "the tags", " ".join(draft.tags)
    yield "the version", draft.version
    yield "the profile", draft.profile
    for server in draft.servers:
        name = server.name
        yield f"the name of {name}", name
        yield f"the command of {name}", server.command
        yield f"the package of {name}", server.package
        yield f"the url of {name}", server.url
        if server.hosted is not None:
            yield f"the hosted server of {name}", server.hosted.name
        for number, one in enumerate(server.args, 1):
            yield f"argument {number} of {name}", one
        for kind, settings in (("variable", server.env), ("header", server.headers)):
            for setting in settings:
                yield f"the {kind} {setting.name} of {name}", setting.before
                yield f"the name of the {kind} {setting.name} of {name}", setting.name
        tools = (*server.tools, *server.denied_tools)
        together = {
            "the arguments": server.args,
            "the variables": tuple(one.before for one in server.env),
            "the headers": tuple(one.before for one in server.headers),
            "the names of the tools": tools,
        }
        for what, parts in together.items():
            if len(parts) > 1:
                yield f"{what} of {name}, put together", "".join(parts)
    yield "the names of the servers, put together", "".join(one.name for one in draft.servers)
    yield "the descriptions of the inputs, put together", "".join(one.description for one in draft.inputs)


def _by_name(server: Wanted, source: str) -> Iterator[Found]:
    """Fixed texts if the name says that a secret belongs there: whatever the text is, it is the same for everyone."""
    for kind, settings in (("variable", server.env), ("header", server.headers)):
        for one in settings:
            scheme = one.input and one.before.strip().lower() in ("", "bearer", "token", "basic", "apikey")
            if kind == "header" and _SCHEME.match(one.before):
                what = "credentials of HTTP"
                yield Found(where=f"the header {one.name} of {server.name}", what=what, line=_line(source, one.before))
            elif one.before and not scheme and named_secret(one.name, one.before):
                what = "a fixed text under a secret's name"
                yield Found(where=f"the {kind} {one.name} of {server.name}", what=what, line=_line(source, one.before))
    for flag, value in secret_values(server.args):
        yield Found(where=f"the argument {flag} of {server.name}", what="a secret's value", line=_line(source, value))
    found = address(server.url) if server.url else None
    if server.url and found is None:
        yield Found(where=f"the url of {server.name}", what="an address that cannot be read")
    if found is not None and found.user:
        what = "a user or a password in an address"
        yield Found(where=f"the url of {server.name}", what=what, line=_line(source, server.url))
    for where, text in _with_addresses(server):
        for flag, value in secret_values_of_a_line(text):
            yield Found(where=where, what=f"a secret's value after {flag}", line=_line(source, value))
        for one in _ADDRESS.findall(text):
            parts = address(one)
            for name, value in parts.pairs if parts is not None else ():
                if value and named_parameter(name, value):
                    yield Found(where=where, what=f"the parameter {name}", line=_line(source, text))


def _with_addresses(server: Wanted) -> Iterator[tuple[str, str]]:
    """The texts of *server* in which an address may stand, each with its place."""
    yield f"the url of {server.name}", server.url
    for number, one in enumerate(server.args, 1):
        yield f"argument {number} of {server.name}", one
    for kind, settings in (("variable", server.env), ("header", server.headers)):
        for setting in settings:
            yield f"the {kind} {setting.name} of {server.name}", setting.before


def _comments(source: str) -> list[str]:
    return [line.partition("#")[2].strip() for line in source.splitlines() if "#" in line]


def _line(source: str, text: str) -> int:
    at = source.find(text) if text else -1
    return source.count("\n", 0, at) + 1 if at >= 0 else 0
