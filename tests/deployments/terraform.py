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
    return tuple(blocks)


def module(folder: Path) -> list[Block]:
    """The blocks of every file of a module."""
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
        if any(inside.get("transit_encryption") != "ENABLED" for inside in one.inside("efs_volume_configuration")):
            yield f"{one} mounts without TLS"


REST = {
    "aws_db_instance": ("storage_encrypted", "kms_key_id"),
    "aws_efs_file_system": ("encrypted", "kms_key_id"),
    "aws_cloudwatch_log_group": ("kms_key_id",),
    "azurerm_kubernetes_cluster": ("disk_encryption_set_id",),
    "azurerm_container_group": ("key_vault_key_id",),
    "azurerm_storage_account": ("infrastructure_encryption_enabled",),
    "google_sql_database_instance": ("encryption_key_name",),
}
REST_INSIDE = {
    "aws_eks_cluster": ("encryption_config", "resources"),
    "aws_launch_template": ("ebs", "kms_key_id"),
    "azurerm_kubernetes_cluster": ("default_node_pool", "host_encryption_enabled"),
    "google_container_cluster": ("database_encryption", "key_name"),
    "google_container_node_pool": ("node_config", "boot_disk_kms_key"),
    "google_storage_bucket": ("encryption", "default_kms_key_name"),
    "google_cloud_run_v2_service": ("template", "encryption_key"),
}


@rule
def what_is_kept_is_encrypted(blocks: list[Block]) -> Iterator[str]:
    for one in resources(blocks):
        for field in REST.get(one.type, ()):
            if one.body.get(field) in (None, False, ""):
                yield f"{one}: {field} is missing, so it is not encrypted at rest by the site's key"
        if one.type in REST_INSIDE:
            block, field = REST_INSIDE[one.type]
            if not any(inside.get(field) for inside in one.inside(block)):
                yield f"{one}: {block}.{field} is missing, so it is not encrypted at rest by the site's key"


NO_RESOURCE = {"ecr:GetAuthorizationToken"}
"""Actions that know no resource."""
NARROW = {
    "Network Contributor": "azurerm_subnet.", "AcrPull": "registry_id", "Key Vault Secrets User": "vault",
}  # fmt: skip
GOOGLE_ON_PROJECT = {"roles/logging.logWriter", "roles/monitoring.metricWriter"}


@rule
def no_one_may_everything(blocks: list[Block]) -> Iterator[str]:
    for one in blocks:
        if one.type == "aws_iam_policy_document":
            for statement in one.inside("statement"):
                actions, wide = statement.get("actions", []), "*" in statement.get("resources", [])
                if any("*" in action for action in actions):
                    yield f"{one} allows actions by a pattern: {actions}"
                if wide and not set(actions) <= NO_RESOURCE:
                    yield f"{one} allows {actions} on everything"
                for who in statement.get("principals", []):
                    if "*" in who.get("identifiers", []) or who.get("type") == "*":
                        yield f"{one} lets everyone in"
        if one.type == "azurerm_role_assignment":
            role = str(one.body.get("role_definition_name"))
            if role not in NARROW or NARROW[role] not in str(one.body.get("scope")):
                yield f"{one}: the role {role} on {one.body.get('scope')} is wider than is known to be needed"
        if re.fullmatch(r"google_.*_iam_(member|binding)", one.type):
            role, member = str(one.body.get("role")), str(one.body.get("member"))
            if (
                re.fullmatch(r"roles/(owner|editor|viewer|.*[aA]dmin)", role)
                or "allUsers" in member
                or "allAuthenticatedUsers" in member
            ):
                yield f"{one}: {role} for {member}"
            if (
                one.type == "google_project_iam_member"
                and not set(re.findall(r"roles/[A-Za-z.]+", str(one.body))) <= GOOGLE_ON_PROJECT
            ):
                yield f"{one} gives a role on the whole project"


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


@rule
def everything_is_tagged(blocks: list[Block]) -> Iterator[str]:
    for one in resources(blocks):
        said = next((str(one.body[name]) for name in ("tags", "labels", "resource_labels") if name in one.body), "")
        if "local.tags" not in said and "local.labels" not in said and not UNTAGGED.fullmatch(one.type):
            yield f"{one} has no tags"
    asked = [one for one in blocks if one.type == "variable" and one.name in ("tags", "labels")]
    if not any("setsubtract" in json.dumps(one.body) and "default" not in one.body for one in asked):
        yield "the tags that a site must give are not asked for"


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
