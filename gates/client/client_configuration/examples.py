"""What a draft may be like, in each colour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from arcops.gate import Example
from arcops.seen.client import (
    Action,
    ClientConfiguration,
    Decision,
    Draft,
    Hosted,
    HostedVerdict,
    Made,
    Setting,
    Transport,
    Wanted,
)
from arcops.verdict import Verdict
from gates.client.client_configuration.gate import ClientConfigurationPolicy

_SERVER = Wanted(name="time", package="pypi:mcp-server-time==2026.10.10")
_DRAFT = Draft(version="1.0.0", profile="dev", clients=("claude-code",), servers=(_SERVER,))
_MADE = Made(
    client="claude-code",
    schema="https://arcops.dev/schemas/client/claude-code/1.0.0",
    artifact=f"sha256:{'5' * 64}",
    payload='{"mcpServers": {}}\n',
    servers=("time",),
    decisions=(),
)
WELL = ClientConfiguration(
    digest=f"sha256:{'6' * 64}",
    source="version: 1.0.0\n",
    draft=_DRAFT,
    policy_set="corp@1.0.0",
    policy_digest=f"sha256:{'7' * 64}",
    made=(_MADE,),
)
_STRIPPED = Decision(rule="no-time", action=Action.DENY, server="time", effect="the server time is taken out", refused=False)


def examples() -> Iterable[Example[ClientConfigurationPolicy]]:
    default = ClientConfigurationPolicy()

    def example(name: str, verdict: Verdict, body: ClientConfiguration) -> Example[ClientConfigurationPolicy]:
        return Example(name=name, verdict=verdict, evidence=(body,), policy=default)

    def with_server(server: Wanted) -> ClientConfiguration:
        return replace(WELL, draft=replace(_DRAFT, servers=(server,)))

    yield example("a draft that every client can express", Verdict.GREEN, WELL)
    yield example("a rule takes a server out", Verdict.AMBER, replace(WELL, made=(replace(_MADE, decisions=(_STRIPPED,)),)))
    denied = replace(_STRIPPED, refused=True)
    yield example("a rule refuses a server", Verdict.RED, replace(WELL, made=(replace(_MADE, decisions=(denied,)),)))
    problem = "Codex cannot express the server"
    yield example("a client cannot express it", Verdict.RED, replace(WELL, made=(replace(_MADE, payload="", problem=problem),)))
    yield example("it breaks a schema", Verdict.RED, replace(WELL, made=(replace(_MADE, misfits=("/a: no",)),)))
    yield example("nothing is made of it", Verdict.RED, replace(WELL, made=()))
    yield example("no rules were applied", Verdict.RED, replace(WELL, policy_set="", policy_digest=""))
    secret = Setting(name="API_TOKEN", before="correct horse")
    yield example("a fixed secret", Verdict.RED, with_server(replace(_SERVER, env=(secret,))))
    plain = Wanted(name="far", transport=Transport.HTTP, url="http://mcp.example.com/mcp")
    yield example("a server without TLS", Verdict.RED, with_server(plain))
    hosted = Hosted(name="time", lock=f"sha256:{'8' * 64}")
    judged = HostedVerdict(
        name="time", lock=hosted.lock, artifact=f"sha256:{'9' * 64}", verdict="GREEN", policy="server", package=_SERVER.package
    )

    def with_verdict(*verdicts: HostedVerdict) -> ClientConfiguration:
        return replace(with_server(replace(_SERVER, hosted=hosted)), hosted=verdicts)

    yield example("a hosted server that was judged well", Verdict.GREEN, with_verdict(judged))
    yield example("a hosted server with an AMBER verdict", Verdict.AMBER, with_verdict(replace(judged, verdict="AMBER")))
    yield example("a hosted server with a RED verdict", Verdict.RED, with_verdict(replace(judged, verdict="RED")))
    yield example("a hosted server without a verdict", Verdict.RED, with_verdict())
    gone = replace(judged, problem="its verdict was valid until yesterday")
    yield example("a hosted server whose verdict expired", Verdict.RED, with_verdict(gone))
    yield example(
        "another package than the one judged", Verdict.RED, with_verdict(replace(judged, package="pypi:other==1.0.0"))
    )
