"""What decides if a site has written nothing: one role for each scope of a token, and no limits on arguments.

A scope grants the role of its name, so a token may do exactly what its scopes say. No scope grants ``approver``.
"""

from __future__ import annotations

from foundation.authorization.objects import APPROVE, CALL, CONNECT, Objects
from foundation.authorization.role_policy import Permission, Role, RolePolicy

SCOPES = ("read", "check", "publish", "waive", "connect", "audit", "trust")
"""The scopes of tokens. Each but ``connect`` is also the name of the group of tools that need it."""
APPROVER = "approver"
APPROVING = "approving"
"""The group of the tools by which someone approves."""
CEDAR = b"""\
// Comes with ArcOps: without a policy of the site, Cedar limits nothing, and the roles decide.
@id("arcops-any") permit (principal, action, resource);
"""
_DOCS = {
    "read": "Call the tools that show something.",
    "check": "Call the tools that judge something.",
    "publish": "Call the tools that sign or write something.",
    "waive": "Draft waivers. To approve one takes the role approver.",
    "connect": "Let a tool open a connection to what the operator named; in addition to the tool's own role.",
    "audit": "Read who called what.",
    "trust": "Call the tools that change what counts here.",
    APPROVER: "Approve what others drafted or asked for: waivers, servers. No scope of a token grants this role.",
}


def shipped_roles(objects: Objects) -> RolePolicy:
    """The shipped roles, for these *objects*."""
    allowed = {one: Permission(object=f"@{one}", action=CALL) for one in SCOPES if one in objects.groups}
    allowed |= {"connect": Permission(object="*", action=CONNECT)}
    roles = {
        name: Role(name=name, doc=_DOCS[name], allows=(allowed[name],) if name in allowed else (), shipped=True)
        for name in SCOPES
    }
    calling = (Permission(object=f"@{APPROVING}", action=CALL),) if APPROVING in objects.groups else ()
    approves = (Permission(object="*", action=APPROVE), *calling)
    roles[APPROVER] = Role(name=APPROVER, doc=_DOCS[APPROVER], allows=approves, shipped=True)
    return RolePolicy(roles=roles, scopes=frozenset(SCOPES))
