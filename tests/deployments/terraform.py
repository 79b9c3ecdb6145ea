"""What the Terraform modules must never be, read from their text: a rule yields one sentence for each thing that breaks it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.deployments.decided import DECIDED, LOOKED_AT, SWITCHES_OF_A_SITE
from tests.deployments.tools import tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One resource, data source or variable. Text values have no quotes; an expression is ``${…}``."""

    kind: str
    type: str
    name: str
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.type}.{self.name}"

    def inside(self, name: str) -> Iterator[dict[str, Any]]:
        """Every block *name* at any depth below this one."""

        def walk(value: Any) -> Iterator[dict[str, Any]]:
            if isinstance(value, dict):
                for key, one in value.items():
                    if key == name and isinstance(one, list):
                        yield from (block for block in one if isinstance(block, dict))
                    yield from walk(one)
            elif isinstance(value, list):
                for one in value:
                    yield from walk(one)

        return walk(self.body)


@cache
def read(text: str) -> tuple[Block, ...]:
    """The blocks of one file."""
    done = subprocess.run(
        [tool("hcl2tojson"), "--quiet", "--strip-string-quotes"], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    blocks = [
        Block(kind="variable", type="variable", name=name, body=body)
        for one in found.get("variable", ())
        for name, body in one.items()
    ]
    for kind in ("resource", "data"):
        for one in found.get(kind, ()):
            for type_, named in one.items():
                blocks += [Block(kind=kind, type=type_, name=name, body=body) for name, body in named.items()]
    for kind in found.keys() - {"variable", "resource", "data"}:
        blocks += [Block(kind="other", type=kind, name=str(number), body=one) for number, one in enumerate(found[kind])]
    return tuple(blocks)


def module(folder: Path) -> list[Block]:
    """The blocks of every file of a module; a file that Terraform would read and that is not read here belongs to no module."""
    for file in folder.rglob("*"):
        assert file.suffix == ".tf", f"{file} is read by no rule"
        assert not file.name.endswith("override.tf"), f"{file} is read by no rule"
    return [block for file in sorted(folder.glob("*.tf")) for block in read(file.read_text(encoding="utf-8"))]


Rule = Callable[[list[Block]], Iterator[str]]
RULES: dict[str, Rule] = {}


def rule(check: Rule) -> Rule:
    RULES[check.__name__] = check
    return check


def resources(blocks: list[Block], *types: str) -> Iterator[Block]:
    return (one for one in blocks if one.kind == "resource" and (not types or one.type in types))


EVERYONE = ("0.0.0.0/0", "::/0", "Internet", "*")
PUBLIC = {
    "azurerm_kubernetes_cluster": ("private_cluster_enabled", True),
    "azurerm_key_vault": ("public_network_access_enabled", False),
    "azurerm_postgresql_flexible_server": ("public_network_access_enabled", False),
    "azurerm_storage_account": ("public_network_access_enabled", False),
    "azurerm_container_group": ("ip_address_type", "Private"),
    "aws_lb": ("internal", True),
    "aws_db_instance": ("publicly_accessible", False),
    "aws_subnet": ("map_public_ip_on_launch", False),
    "google_cloud_run_v2_service": ("ingress", "INGRESS_TRAFFIC_INTERNAL_ONLY"),
    "google_storage_bucket": ("public_access_prevention", "enforced"),
}
"""What keeps each kind off the public network."""
PUBLIC_INSIDE = {
    "aws_eks_cluster": ("vpc_config", "endpoint_public_access", False),
    "aws_ecs_service": ("network_configuration", "assign_public_ip", False),
    "google_container_cluster": ("private_cluster_config", "enable_private_endpoint", True),
    "google_sql_database_instance": ("ip_configuration", "ipv4_enabled", False),
}


@rule
def nothing_is_public(blocks: list[Block]) -> Iterator[str]:
    for one in resources(blocks):
        if one.type in PUBLIC and one.body.get(PUBLIC[one.type][0]) != PUBLIC[one.type][1]:
            yield f"{one}: {PUBLIC[one.type][0]} is {one.body.get(PUBLIC[one.type][0])}"
        if one.type in PUBLIC_INSIDE:
            block, field, wanted = PUBLIC_INSIDE[one.type]
            if [inside.get(field) for inside in one.inside(block)] != [wanted]:
                yield f"{one}: {block}.{field} is not {wanted}"
        if one.type == "azurerm_public_ip" or one.type in ("aws_internet_gateway", "aws_eip"):
            yield f"{one} is public"
        text = json.dumps(one.body)
        if "ingress" in one.type and any(f'"{everyone}"' in text for everyone in EVERYONE):
            yield f"{one} lets everyone in"
        for name in ("cidr_ipv4", "cidr_ipv6", "cidr_block", "address_space"):
            for each in _listed(one.body.get(name)):
                if not re.fullmatch(r"\$\{(var\.[a-z_]+_cidr|cidrsubnet\(var\.[a-z_]+_cidr, .*\))\}", each):
                    yield f"{one}: {name} is {each}, and not the addresses that a site gives"
        if one.type == "aws_security_group" and {"ingress", "egress"} & one.body.keys():
            yield f"{one} has rules inside, which no rule here reads"


def _listed(value: Any) -> list[str]:
    return [] if value is None else [str(one) for one in value] if isinstance(value, list) else [str(value)]


PRIVATE = (
    r"^(10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])"
    r"|192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2]))$"
)
"""Networks of RFC 1918, as the modules write it."""
GIVEN = {
    r".*_cidr": f'${{can(cidrnetmask(var.{{0}})) && can(regex("{PRIVATE}", var.{{0}}))}}'.replace("{0}", "NAME"),
    r".*_arn": '${can(regex("^arn:[^*?]+$", var.NAME))}',
    r".*_arns": '${alltrue([for one in var.NAME : can(regex("^arn:[^*?]+$", one))])}',
    r"invokers": '${alltrue([for one in var.NAME : can(regex("^(user|group|serviceAccount|principal):[^*]+$", one))])}',
    r"registry_id": '${can(regex("/providers/Microsoft.ContainerRegistry/registries/[^/]+$", var.NAME))}',
    r"vault_id": '${can(regex("/providers/Microsoft.KeyVault/vaults/[^/]+$", var.NAME))}',
}
"""What must hold of a variable whose value could open what a module closes."""


@rule
def what_a_site_gives_opens_nothing(blocks: list[Block]) -> Iterator[str]:
    for one in blocks:
        for name, wanted in GIVEN.items():
            if one.type == "variable" and re.fullmatch(name, one.name):
                said = [inside.get("condition") for inside in one.inside("validation")]
                if said != [wanted.replace("NAME", one.name)]:
                    yield f"variable {one.name} may be anything: {said}"


@rule
def every_switch_is_as_it_was_decided(blocks: list[Block]) -> Iterator[str]:
    for one in blocks:
        if (one.kind == "data" or one.kind == "other") and one.type not in LOOKED_AT[one.kind]:
            yield f"{one}: no rule was ever written for this kind"
        if one.kind != "resource":
            continue
        if one.type not in DECIDED:
            yield f"{one}: no rule was ever written for this kind"
            continue
        if unread := {"dynamic", "provisioner", "lifecycle", "count", "provider"} & one.body.keys():
            yield f"{one} has {min(unread)}, by which it may become something else"
        wanted, said = DECIDED[one.type] | DECIDED.get(str(one), {}), _said(one.body)
        for path, value in wanted.items():
            if not said.get(path) or any((type(each), each) != (type(value), value) for each in said[path]):
                yield f"{one}: {path} is {said.get(path)}, and not {value}"
        for path, values in said.items():
            own = SWITCHES_OF_A_SITE.get(one.type, {}).get(path)
            for value in values:
                switch = isinstance(value, bool) or value in ("true", "false") or path.endswith("enabled")
                if switch and path not in wanted and value != own and path != "container.volume.read_only":
                    yield f"{one}: no one decided what {path} is ({value})"


def _said(body: Any, path: str = "") -> dict[str, list[Any]]:
    """Every value of *body* by its path."""
    found: dict[str, list[Any]] = {}
    for key, value in body.items():
        if key == "__is_block__":
            continue
        here = f"{path}.{key}" if path else key
        for one in value if isinstance(value, list) else [value]:
            below = _said(one, here) if isinstance(one, dict) else {here: [one]}
            for name, values in below.items():
                found.setdefault(name, []).extend(values)
    return found


@rule
def what_comes_in_is_encrypted(blocks: list[Block]) -> Iterator[str]:
    for one in resources(blocks, "aws_lb_listener"):
        if one.body.get("protocol") != "HTTPS" or "TLS13" not in str(one.body.get("ssl_policy")):
            yield f"{one} takes connections without TLS 1.2 or newer"
    for one in resources(blocks, "azurerm_storage_account"):
        if one.body.get("https_traffic_only_enabled") is not True or one.body.get("min_tls_version") != "TLS1_2":
            yield f"{one} is reached without TLS"
    for one in resources(blocks, "azurerm_container_group"):
        if "--tls-cert" not in json.dumps(one.body) or any(probe.get("scheme") != "https" for probe in one.inside("http_get")):
            yield f"{one} listens without TLS"
    for one in resources(blocks, "google_sql_database_instance"):
        if [inside.get("ssl_mode") for inside in one.inside("ip_configuration")] != ["ENCRYPTED_ONLY"]:
            yield f"{one} is reached without TLS"
    for one in resources(blocks, "aws_db_parameter_group"):
        if {"name": "rds.force_ssl", "value": "1"} not in [
            {k: v for k, v in p.items() if k in ("name", "value")} for p in one.inside("parameter")
        ]:
            yield f"{one} does not force TLS"
    for one in resources(blocks, "aws_ecs_task_definition"):
        if not re.search(r'user = "65532:65532", readonlyRootFilesystem = true', str(one.body.get("container_definitions"))):
            yield f"{one} runs as root, or may write into its image"
        if any(inside.get("transit_encryption") != "ENABLED" for inside in one.inside("efs_volume_configuration")):
            yield f"{one} mounts without TLS"


REST = {
    "aws_db_instance": ("kms_key_id",),
    "aws_efs_file_system": ("kms_key_id",),
    "aws_cloudwatch_log_group": ("kms_key_id",),
    "azurerm_kubernetes_cluster": ("disk_encryption_set_id",),
    "azurerm_container_group": ("key_vault_key_id",),
    "google_sql_database_instance": ("encryption_key_name",),
}
REST_INSIDE = {
    "aws_eks_cluster": ("provider", "key_arn"),
    "aws_launch_template": ("ebs", "kms_key_id"),
    "google_container_cluster": ("database_encryption", "key_name"),
    "google_container_node_pool": ("node_config", "boot_disk_kms_key"),
    "google_storage_bucket": ("encryption", "default_kms_key_name"),
    "google_cloud_run_v2_service": ("template", "encryption_key"),
}
KEY = re.compile(r"\$\{(var\.(key_id|key_arn|disk_encryption_set_id)|aws_kms_key\.this\.(arn|key_id))\}")
"""A key of the site. Another expression may be nothing at all."""


@rule
def what_is_kept_is_encrypted(blocks: list[Block]) -> Iterator[str]:
    for one in resources(blocks):
        said = {field: [one.body.get(field)] for field in REST.get(one.type, ())}
        if one.type in REST_INSIDE:
            block, field = REST_INSIDE[one.type]
            said[field] = [inside.get(field) for inside in one.inside(block)]
        for field, keys in said.items():
            if not keys or not all(KEY.fullmatch(str(key)) for key in keys):
                yield f"{one}: {field} is no key of the site, so it is not encrypted at rest by that"


NO_RESOURCE = {"ecr:GetAuthorizationToken"}
"""Actions that know no resource."""
LOG_STREAMS = re.compile(r"\$\{aws_cloudwatch_log_group\.this\.arn\}:\*")
"""The streams of one group, which have no name before they are there."""
NARROW = {
    "Network Contributor": "azurerm_subnet.", "AcrPull": "registry_id", "Key Vault Secrets User": "vault",
}  # fmt: skip
GOOGLE_ON_PROJECT = {"roles/logging.logWriter", "roles/monitoring.metricWriter"}
GOOGLE_MEMBER = re.compile(
    r"\$\{google_service_account\.[a-z]+\.member\}|serviceAccount:\$\{var\.project\}\.svc\.id\.goog\[.*\]|\$\{each\.key\}"
)
OF_AMAZON = {
    "AmazonEKSClusterPolicy",
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEKSClusterAdminPolicy",
}
"""Ready policies of Amazon: what a cluster, its nodes and its administrators need."""
LIMITS = {"actions", "resources", "principals", "condition", "sid", "__is_block__"}


@rule
def no_one_may_everything(blocks: list[Block]) -> Iterator[str]:
    for one in blocks:
        if one.type == "aws_iam_policy_document":
            yield from _wide(one)
        if one.type in ("aws_iam_role", "aws_iam_role_policy"):
            field = "assume_role_policy" if one.type == "aws_iam_role" else "policy"
            if not re.fullmatch(r"\$\{data\.aws_iam_policy_document\.[a-z_]+\.json\}", str(one.body.get(field))):
                yield f"{one}: {field} is no document that is read here"
            if wide := {"inline_policy", "managed_policy_arns", "permissions_boundary"} & one.body.keys():
                yield f"{one} has {min(wide)}"
        if one.type in ("aws_iam_role_policy_attachment", "aws_eks_access_policy_association"):
            named = str(one.body.get("policy_arn")).rpartition("/")[2]
            names = re.findall(r'"([^"]+)"', str(one.body.get("for_each"))) if named == "${each.key}" else [named]
            if not names or not {*names} <= OF_AMAZON:
                yield f"{one} gives {names}"
        if one.type == "azurerm_role_assignment":
            role = str(one.body.get("role_definition_name"))
            if role not in NARROW or NARROW[role] not in str(one.body.get("scope")) or "role_definition_id" in one.body:
                yield f"{one}: the role {role} on {one.body.get('scope')} is wider than is known to be needed"
        if re.fullmatch(r"google_.*_iam_(member|binding|policy)", one.type):
            if not GOOGLE_MEMBER.fullmatch(str(one.body.get("member"))):
                yield f"{one}: {one.body.get('role')} for {one.body.get('member')}"
            said = set(re.findall(r"roles/[A-Za-z.]+", str(one.body)))
            if one.type == "google_project_iam_member" and (not said or not said <= GOOGLE_ON_PROJECT):
                yield f"{one} gives a role on the whole project"


def _wide(one: Block) -> Iterator[str]:
    for statement in one.inside("statement"):
        actions, on = statement.get("actions"), statement.get("resources", [])
        if unknown := statement.keys() - LIMITS:
            yield f"{one} says {min(unknown)}, by which it allows what it does not name"
        if not isinstance(actions, list) or not actions or any("*" in str(action) or "${" in str(action) for action in actions):
            yield f"{one} allows actions that are not named: {actions}"
        elif (
            any(re.search(r"[*?]", str(each)) and not LOG_STREAMS.fullmatch(str(each)) for each in on)
            and not {*actions} <= NO_RESOURCE
        ):
            yield f"{one} allows {actions} on everything, or by a pattern"
        if not on and not statement.get("principals"):
            yield f"{one} names no resource"
        for who in statement.get("principals", []):
            if who.get("type") != "Service" or any("*" in str(each) for each in who.get("identifiers", ["*"])):
                yield f"{one} lets others in than a service of the cloud"


@rule
def registries_are_pulled_from_by_name(blocks: list[Block]) -> Iterator[str]:
    pulls = False
    for one in blocks:
        text = json.dumps(one.body)
        pulls |= "AcrPull" in text or "artifactregistry.reader" in text or "ecr:BatchGetImage" in text
        if re.search(r"AcrPush|ecr:(PutImage|\*)|artifactregistry\.(writer|admin)|AmazonEC2ContainerRegistry", text):
            yield f"{one} may push, or pull from every repository"
        if one.type == "google_project_iam_member" and "artifactregistry" in text:
            yield f"{one} pulls from every repository"
    if not pulls:
        yield "nothing may pull an image"


UNTAGGED = re.compile(
    r"azurerm_(subnet|role_assignment|federated_identity_credential|storage_share)|google_.*_iam_member"
    r"|aws_(iam_role_policy(_attachment)?|eks_access_policy_association|appautoscaling_policy|efs_(mount_target|backup_policy))"
    r"|google_(compute_(network|subnetwork)|service_account|container_node_pool|service_networking_connection|sql_database_instance)"
)
"""Kinds that take no tags, or take them inside a block."""


TAGS = {"tags", "labels"}


@rule
def everything_is_tagged(blocks: list[Block]) -> Iterator[str]:
    for one in resources(blocks):
        said = next((str(one.body[name]) for name in ("tags", "labels", "resource_labels") if name in one.body), "")
        if not re.match(r"\$\{(local\.(tags|labels)\}|merge\(local\.(tags|labels), )", said) and not UNTAGGED.fullmatch(
            one.type
        ):
            yield f"{one} has no tags"
    asked = [one for one in blocks if one.type == "variable" and one.name in ("tags", "labels")]
    for one in asked:
        wanted = f'${{length(setsubtract(["owner", "cost-centre", "data-class"], keys(var.{one.name}))) == 0}}'
        if "default" in one.body or [inside.get("condition") for inside in one.inside("validation")] != [wanted]:
            yield "the tags that a site must give are not asked for"
    for one in blocks:
        if one.type == "locals" and not all(str(v).startswith(f"${{merge(var.{k}, ") for k, v in one.body.items() if k in TAGS):
            yield "the tags that a site gave are not those of the resources"
    if len(asked) != 1 or sum(one.type == "locals" and bool(TAGS & one.body.keys()) for one in blocks) != 1:
        yield "the tags that a site must give are not asked for once"


@rule
def images_are_named_by_digest(blocks: list[Block]) -> Iterator[str]:
    for one in blocks:
        if (
            one.type == "variable"
            and one.name == "image"
            and not any("@sha256:" in v["condition"] for v in one.inside("validation"))
        ):
            yield "an image may be named without its digest"


SECRET = re.compile(r"password|secret|token|private_key|passphrase")


@rule
def no_secret_is_written_down(blocks: list[Block]) -> Iterator[str]:
    """A secret is the name of a place; a default, or plain text under such a name, would be the word itself."""
    for one in blocks:
        if one.type == "variable":
            if SECRET.search(one.name) and "default" in one.body:
                yield f"variable {one.name} has a default"
            continue
        for name, value in _texts(one.body):
            if (
                SECRET.search(name.lower())
                and "${" not in value
                and name not in ("secret_id", "secret_rotation_enabled", "http_tokens")
            ):
                yield f"{one}: {name} is written down"


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name)
    elif isinstance(value, str):
        yield name, value


PODS = {
    "azurerm_kubernetes_cluster": (
        ("workload_identity_enabled", True),
        ("oidc_issuer_enabled", True),
        ("local_account_disabled", True),
    ),
}


@rule
def pods_have_identities_of_their_own(blocks: list[Block]) -> Iterator[str]:
    for one in resources(blocks, "azurerm_kubernetes_cluster"):
        for field, wanted in PODS[one.type]:
            if one.body.get(field) is not wanted:
                yield f"{one}: {field} is not {wanted}"
    types = {one.type for one in resources(blocks)}
    if "aws_eks_cluster" in types and "aws_eks_pod_identity_association" not in types:
        yield "the pods have no identity of their own"
    for one in resources(blocks, "google_container_cluster"):
        if not list(one.inside("workload_identity_config")):
            yield f"{one}: the pods have no identity of their own"
    for one in resources(blocks, "google_container_node_pool"):
        if [inside.get("mode") for inside in one.inside("workload_metadata_config")] != ["GKE_METADATA"]:
            yield f"{one}: pods reach the identity of the node"
    for one in resources(blocks, "aws_launch_template"):
        said = [
            (inside.get("http_tokens"), inside.get("http_put_response_hop_limit")) for inside in one.inside("metadata_options")
        ]
        if said != [("required", 1)]:
            yield f"{one}: pods reach the identity of the node"


def broken(blocks: list[Block]) -> dict[str, list[str]]:
    """Each rule that *blocks* break, with its sentences."""
    return {name: found for name, check in RULES.items() if (found := list(check(blocks)))}
