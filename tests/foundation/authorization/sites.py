"""Policies of made-up sites, in folders, for tests."""

from __future__ import annotations

from pathlib import Path

from arcops.identity import Identity
from foundation.authorization.authorizing import Authorization
from foundation.authorization.objects import Objects

HERE = Path(__file__).parent / "decisions"
_TOOL = frozenset(("call", "connect"))
_BY_SCOPE = {
    "check": ("bench_node", "check_gpus", "check_model"),
    "publish": ("sign_model_files",),
    "read": ("show_artifact",),
    "trust": ("new_key",),
    "waive": ("draft_waiver",),
}
OBJECTS = Objects(
    actions={**{one: _TOOL for names in _BY_SCOPE.values() for one in names}, "waivers": frozenset(("approve",))},
    groups={scope: frozenset(names) for scope, names in _BY_SCOPE.items()},
    beneath={"servers/": frozenset(("call", "approve"))},
)
ANY = '@id("any") permit (principal, action, resource);\n'


def caller(*roles: str, scopes: tuple[str, ...] = (), issuer: str = "https://login.example.org", id: str = "ada") -> Identity:
    return Identity(issuer=issuer, tenant="acme", id=id, scopes=frozenset(scopes), roles=frozenset(roles))


def site(folder: Path, roles: str = "", named: bool = False, **cedar: str) -> Authorization:
    """The policy of a site with these *roles* (YAML) and these files of *cedar*, in *folder*."""
    write(folder, roles, **cedar)
    return Authorization(folder, OBJECTS, named=named)


def write(folder: Path, roles: str = "", **cedar: str) -> None:
    folder.mkdir(exist_ok=True)
    if roles:
        (folder / "roles.yaml").write_text(roles)
    for name, text in cedar.items():
        (folder / f"{name}.cedar").write_text(text)
