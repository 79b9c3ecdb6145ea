"""The Terraform modules: read by a real parser, and held to what a sovereign site asks; each rule finds its smallest change."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.deployments.building import HOUSE
from tests.deployments.terraform import PRIVATE, RULES, Block, broken, module, read

pytestmark = [
    pytest.mark.site,
    pytest.mark.requirement("BASE-8/modules-for-three-clouds"),
    pytest.mark.xdist_group("terraform"),
]

TERRAFORM = HOUSE / "deployments" / "terraform"
MODULES = ("azure/aks", "azure/aci", "aws/eks", "aws/ecs", "gcp/gke", "gcp/cloud-run")


@pytest.fixture(scope="module")
def blocks() -> dict[str, list[Block]]:
    return {name: module(TERRAFORM / name) for name in MODULES}


def test_there_is_a_module_for_each_place_and_no_other() -> None:
    assert {str(file.parent.relative_to(TERRAFORM)) for file in TERRAFORM.rglob("*.tf")} == set(MODULES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_breaks_no_rule(name: str, blocks: dict[str, list[Block]]) -> None:
    assert broken(blocks[name]) == {}


@pytest.mark.parametrize("name", MODULES)
def test_every_reference_has_what_it_names(name: str, blocks: dict[str, list[Block]]) -> None:
    """What `terraform validate` would find without its providers."""
    here = blocks[name]
    text = "\n".join(file.read_text() for file in sorted((TERRAFORM / name).glob("*.tf")))
    variables = {one.name for one in here if one.type == "variable"}
    assert set(re.findall(r"\bvar\.([a-z0-9_]+)", text)) == variables, (
        "each variable is used, and each that is used is declared"
    )
    known = {f"{one.type}.{one.name}" for one in here if one.kind == "resource"} | {
        f"data.{one.type}.{one.name}" for one in here if one.kind == "data"
    }
    code = re.sub(r'"(?:[^"\\$]|\\.|\$(?!\{))*"|#.*', '""', text)
    used = set(re.findall(r"(?<![\w.\"])((?:data\.)?(?:azurerm|aws|google)_[a-z0-9_]+\.[a-z0-9_]+)", code))
    assert used <= known, used - known
    for one in here:
        if one.type == "variable":
            assert one.body.get("description"), one.name
            assert one.body.get("type"), one.name


MUTATIONS = [
    ("nothing_is_public", "azure/aks", "private_cluster_enabled           = true", "private_cluster_enabled = false"),
    ("nothing_is_public", "azure/aci", 'ip_address_type     = "Private"', 'ip_address_type = "Public"'),
    ("nothing_is_public", "aws/eks", "endpoint_public_access  = false", "endpoint_public_access = true"),
    ("nothing_is_public", "aws/ecs", "cidr_ipv4         = var.vpc_cidr", 'cidr_ipv4 = "0.0.0.0/0"'),
    ("nothing_is_public", "aws/ecs", "internal                   = true", "internal = false"),
    ("nothing_is_public", "gcp/gke", "enable_private_endpoint = true", "enable_private_endpoint = false"),
    ("nothing_is_public", "gcp/cloud-run", "INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_ALL"),
    ("what_comes_in_is_encrypted", "aws/ecs", 'protocol          = "HTTPS"', 'protocol = "HTTP"'),
    ("what_comes_in_is_encrypted", "azure/aci", '"--tls-cert", "/etc/arcops/tls/tls.crt", ', ""),
    ("what_comes_in_is_encrypted", "aws/eks", 'value = "1"', 'value = "0"'),
    ("what_comes_in_is_encrypted", "gcp/gke", "ENCRYPTED_ONLY", "ALLOW_UNENCRYPTED_AND_ENCRYPTED"),
    ("every_switch_is_as_it_was_decided", "aws/eks", "storage_encrypted             = true", "storage_encrypted = false"),
    ("every_switch_is_as_it_was_decided", "aws/ecs", "  encrypted  = true\n", ""),
    (
        "every_switch_is_as_it_was_decided",
        "azure/aks",
        "host_encryption_enabled      = true",
        "host_encryption_enabled = false",
    ),
    ("what_is_kept_is_encrypted", "azure/aci", "  key_vault_key_id    = var.key_id\n", ""),
    ("what_is_kept_is_encrypted", "gcp/gke", "    boot_disk_kms_key = var.key_id\n", ""),
    ("what_is_kept_is_encrypted", "gcp/cloud-run", "    default_kms_key_name = var.key_id\n", ""),
    ("no_one_may_everything", "aws/eks", '["secretsmanager:GetSecretValue"]', '["secretsmanager:*"]'),
    ("no_one_may_everything", "aws/eks", "resources = var.secret_arns", 'resources = ["*"]'),
    ("no_one_may_everything", "azure/aks", "azurerm_subnet.nodes.id\n  role", "azurerm_resource_group.this.id\n  role"),
    ("no_one_may_everything", "azure/aci", "Key Vault Secrets User", "Key Vault Administrator"),
    ("no_one_may_everything", "gcp/gke", "roles/monitoring.metricWriter", "roles/editor"),
    ("no_one_may_everything", "gcp/cloud-run", "member   = each.key", 'member = "allUsers"'),
    ("registries_are_pulled_from_by_name", "azure/aks", "AcrPull", "AcrPush"),
    ("registries_are_pulled_from_by_name", "aws/eks", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"),
    ("registries_are_pulled_from_by_name", "gcp/gke", "roles/artifactregistry.reader", "roles/artifactregistry.writer"),
    ("everything_is_tagged", "azure/aks", "  tags                          = local.tags\n", ""),
    ("everything_is_tagged", "aws/eks", "setsubtract", "setunion"),
    ("everything_is_tagged", "aws/ecs", "keys(var.tags))) == 0", "keys(var.tags))) >= 0"),
    ("everything_is_tagged", "aws/ecs", "tags = merge(var.tags, {", "tags = merge({}, {"),
    ("what_a_site_gives_opens_nothing", "gcp/cloud-run", "(user|group|serviceAccount|principal):", "(user|group|allUsers)"),
    ("what_a_site_gives_opens_nothing", "aws/ecs", 'can(regex("^arn:[^*?]+$", var.repository_arn))', "true"),
    ("what_a_site_gives_opens_nothing", "gcp/gke", "/([89]|[12][0-9]|3[0-2])|172", "/([0-9]|[12][0-9]|3[0-2])|172"),
    ("what_a_site_gives_opens_nothing", "azure/aci", "/providers/Microsoft.KeyVault/vaults/[^/]+$", ".*"),
    ("every_switch_is_as_it_was_decided", "aws/eks", "encrypted   = true", "encrypted   = false"),
    ("every_switch_is_as_it_was_decided", "azure/aks", "purge_protection_enabled", "purge_protected"),
    ("what_is_kept_is_encrypted", "aws/ecs", "kms_key_id = var.key_arn", "kms_key_id = var.tasks_min > 1 ? var.key_arn : null"),
    ("what_comes_in_is_encrypted", "aws/ecs", "readonlyRootFilesystem = true", "readonlyRootFilesystem = false"),
    ("everything_is_tagged", "gcp/cloud-run", "  labels                      = local.labels\n", ""),
    ("images_are_named_by_digest", "aws/ecs", "@sha256:[0-9a-f]{64}$", ".*"),
    (
        "no_secret_is_written_down",
        "azure/aci",
        "= azurerm_storage_account.this.primary_access_key\n",
        '= "k"\n      share_password = "hunter2"\n',
    ),
    (
        "pods_have_identities_of_their_own",
        "azure/aks",
        "workload_identity_enabled         = true",
        "workload_identity_enabled = false",
    ),
    ("pods_have_identities_of_their_own", "aws/eks", "http_put_response_hop_limit = 1", "http_put_response_hop_limit = 2"),
    ("pods_have_identities_of_their_own", "gcp/gke", "GKE_METADATA", "GCE_METADATA"),
]


WIDER = {
    "a policy as text": ("aws/ecs", """
resource "aws_iam_role_policy" "more" {
  role   = aws_iam_role.task.id
  policy = jsonencode({ Statement = [] })
}
"""),
    "a ready policy": ("aws/ecs", """
resource "aws_iam_role_policy_attachment" "more" {
  role       = aws_iam_role.task.id
  policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"
}
"""),
    "a policy by what it does not name": ("aws/eks", """
data "aws_iam_policy_document" "more" {
  statement {
    not_actions = ["iam:*"]
    resources   = [var.secret_arns]
  }
}
"""),
    "a pattern in a resource": ("aws/eks", """
data "aws_iam_policy_document" "more" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["arn:aws:secretsmanager:*:*:secret:*"]
  }
}
"""),
    "another account": ("aws/eks", """
data "aws_iam_policy_document" "more" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::123456789012:root"]
    }
  }
}
"""),
    "half of the internet": ("aws/ecs", """
resource "aws_vpc_security_group_ingress_rule" "more" {
  security_group_id = aws_security_group.balancer.id
  cidr_ipv4         = "0.0.0.0/1"
  ip_protocol       = "tcp"
  tags              = local.tags
}
"""),
    "a rule inside its group": ("aws/ecs", """
resource "aws_security_group" "more" {
  tags = local.tags
  ingress {
    from_port = 22
    to_port   = 22
  }
}
"""),
    "a kind that no rule knows": ("gcp/gke", """
resource "google_compute_firewall" "more" {
  network       = google_compute_network.this.id
  source_ranges = ["0.0.0.0/0"]
}
"""),
    "a custom role": ("azure/aks", """
resource "azurerm_role_definition" "more" {
  permissions {
    actions = ["*"]
  }
}
"""),
    "a module from elsewhere": ("azure/aks", """
module "more" {
  source = "./elsewhere"
}
"""),
    "a data source that runs a program": ("gcp/gke", """
data "external" "more" {
  program = ["sh"]
}
"""),
    "a role on the project": ("gcp/cloud-run", """
resource "google_project_iam_member" "more" {
  role   = "roles/iam.serviceAccountTokenCreator"
  member = google_service_account.this.member
}
"""),
}  # fmt: skip


@pytest.mark.parametrize("what", WIDER)
def test_what_is_added_and_is_wider_is_found(what: str, blocks: dict[str, list[Block]]) -> None:
    name, more = WIDER[what]
    assert broken([*blocks[name], *read(more)])


@pytest.mark.parametrize("name", MODULES)
def test_every_switch_that_is_turned_or_taken_away_is_found(name: str, blocks: dict[str, list[Block]]) -> None:
    """Also what no one thought of: a switch is a word that is true or false."""
    count = 0
    for number, block in enumerate(blocks[name]):
        for path in switches(block.body) if block.kind == "resource" else ():
            for change in ("turned", "text", "taken away"):
                body = copy.deepcopy(block.body)
                holder: Any = body
                for key in path[:-1]:
                    holder = holder[key]
                if change == "taken away":
                    del holder[path[-1]]
                else:
                    holder[path[-1]] = not holder[path[-1]] if change == "turned" else str(holder[path[-1]]).lower()
                changed = [*blocks[name][:number], replace(block, body=body), *blocks[name][number + 1 :]]
                assert broken(changed), f"{block}: {path} {change}"
                count += 1
    assert count >= 3


def switches(body: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for key, value in body.items() if isinstance(body, dict) else enumerate(body):
        if isinstance(value, bool) and key not in ("__is_block__", "read_only"):
            yield (*path, key)
        elif isinstance(value, dict | list):
            yield from switches(value, (*path, key))


PRIVATE_ONES = ("10.0.0.0/8", "10.61.0.0/16", "172.16.0.0/12", "172.31.4.0/28", "192.168.1.0/24")
OTHERS = (
    *("0.0.0.0/0", "10.0.0.0/0", "10.0.0.0/7", "172.16.0.0/11", "172.32.0.0/16", "192.168.0.0/15", "8.8.8.8/32", "::/0"),
    *("110.0.0.0/8", "10.0.0.0/8,0.0.0.0/0"),
)


@pytest.mark.parametrize(("network", "private"), [*((one, True) for one in PRIVATE_ONES), *((one, False) for one in OTHERS)])
def test_the_networks_that_a_site_may_give_are_private(network: str, private: bool) -> None:
    assert bool(re.search(PRIVATE.replace("\\\\", "\\"), network)) is private


def test_a_file_that_terraform_would_read_and_no_rule_does_is_refused(tmp_path: Path) -> None:
    (tmp_path / "main.tf").touch()
    assert module(tmp_path) == []
    for name in ("main_override.tf", "main.tf.json", "site.auto.tfvars"):
        (tmp_path / name).touch()
        with pytest.raises(AssertionError, match="is read by no rule"):
            module(tmp_path)
        (tmp_path / name).unlink()


@pytest.mark.parametrize(
    ("rule", "name", "old", "new"), MUTATIONS, ids=[f"{rule}-{name}-{i}" for i, (rule, name, *_) in enumerate(MUTATIONS)]
)
def test_the_smallest_change_is_found(rule: str, name: str, old: str, new: str, blocks: dict[str, list[Block]]) -> None:
    changed: list[Block] = []
    found = False
    for file in sorted((TERRAFORM / name).glob("*.tf")):
        text = file.read_text()
        found |= old in text
        changed += read(text.replace(old, new, 1))
    assert found, "the change is of a line that is there"
    assert rule in broken(changed)


def test_each_rule_has_a_change_that_it_finds() -> None:
    assert {rule for rule, *_ in MUTATIONS} == RULES.keys()
