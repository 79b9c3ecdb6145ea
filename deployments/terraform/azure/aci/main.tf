terraform {
  required_version = ">= 1.9"
  required_providers {
    azurerm = { source = "hashicorp/azurerm", version = ">= 4.20, < 5" }
  }
}

locals {
  tags = merge(var.tags, { "managed-by" = "terraform", "part-of" = "arcops" })
}

resource "azurerm_user_assigned_identity" "this" {
  name                = var.name
  location            = var.location
  resource_group_name = var.resource_group
  tags                = local.tags
}

resource "azurerm_role_assignment" "pull" {
  scope                = var.registry_id
  role_definition_name = "AcrPull"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
}

resource "azurerm_role_assignment" "secrets" {
  scope                = var.vault_id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.this.principal_id
}

resource "azurerm_storage_account" "this" {
  name                              = var.storage_name
  location                          = var.location
  resource_group_name               = var.resource_group
  account_tier                      = "Premium"
  account_kind                      = "FileStorage"
  account_replication_type          = "ZRS"
  min_tls_version                   = "TLS1_2"
  https_traffic_only_enabled        = true
  public_network_access_enabled     = false
  allow_nested_items_to_be_public   = false
  infrastructure_encryption_enabled = true
  tags                              = local.tags
}

resource "azurerm_storage_share" "store" {
  name               = "store"
  storage_account_id = azurerm_storage_account.this.id
  quota              = 100
}

# One container, in the site's own network: it has no public address. TLS is its own, and its secrets come by reference.
resource "azurerm_container_group" "this" {
  name                = var.name
  location            = var.location
  resource_group_name = var.resource_group
  os_type             = "Linux"
  ip_address_type     = "Private"
  subnet_ids          = [var.subnet_id]
  restart_policy      = "Always"
  key_vault_key_id    = var.key_id
  tags                = local.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.this.id]
  }

  image_registry_credential {
    server                    = var.registry_server
    user_assigned_identity_id = azurerm_user_assigned_identity.this.id
  }

  container {
    name   = "front"
    image  = var.image
    cpu    = 2
    memory = 4

    commands = [
      "/opt/arcops/bin/arcops", "server", "--host", "0.0.0.0", "--port", "8420",
      "--tls-cert", "/etc/arcops/tls/tls.crt", "--tls-key", "/etc/arcops/tls/tls.key",
    ]

    ports {
      port     = 8420
      protocol = "TCP"
    }

    environment_variables = {
      ARCOPS_TIER           = "restricted"
      ARCOPS_SITE           = var.site
      ARCOPS_PUBLIC_URL     = var.public_url
      ARCOPS_OIDC_ISSUER    = var.issuer
      ARCOPS_OIDC_AUDIENCE  = var.audience
      ARCOPS_STORE          = "/var/lib/arcops/store/artifacts"
      ARCOPS_REMEMBERED     = "/var/lib/arcops/store/remembered"
      ARCOPS_PASSPHRASE_REF = var.passphrase_reference
    }

    volume {
      name                 = "store"
      mount_path           = "/var/lib/arcops/store"
      share_name           = azurerm_storage_share.store.name
      storage_account_name = azurerm_storage_account.this.name
      storage_account_key  = azurerm_storage_account.this.primary_access_key
    }

    volume {
      name       = "tls"
      mount_path = "/etc/arcops/tls"
      read_only  = true
      secret     = var.tls
    }

    liveness_probe {
      http_get {
        path   = "/livez"
        port   = 8420
        scheme = "https"
      }
      period_seconds = 20
    }

    readiness_probe {
      http_get {
        path   = "/readyz"
        port   = 8420
        scheme = "https"
      }
      period_seconds = 5
    }
  }
}
