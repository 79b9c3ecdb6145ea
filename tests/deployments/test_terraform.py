"""The Terraform modules: read by a real parser, and held to what a sovereign site asks; each rule finds its smallest change."""

from __future__ import annotations

import re

import pytest

from tests.deployments.building import HOUSE
from tests.deployments.terraform import RULES, Block, broken, module, read

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
    ("what_is_kept_is_encrypted", "aws/eks", "storage_encrypted             = true", "storage_encrypted = false"),
    ("what_is_kept_is_encrypted", "aws/ecs", "  encrypted  = true\n", ""),
    ("what_is_kept_is_encrypted", "azure/aks", "host_encryption_enabled      = true", "host_encryption_enabled = false"),
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
