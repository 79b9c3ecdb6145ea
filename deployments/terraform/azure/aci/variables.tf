variable "name" {
  description = "The name of everything that is made."
  type        = string
}

variable "tags" {
  description = "Tags of every resource; owner, cost-centre and data-class must be among them."
  type        = map(string)
  validation {
    condition     = length(setsubtract(["owner", "cost-centre", "data-class"], keys(var.tags))) == 0
    error_message = "Give the tags owner, cost-centre and data-class."
  }
}

variable "image" {
  description = "The image, by its digest: NAME@sha256:…"
  type        = string
  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "Name the image by its digest: NAME@sha256:…"
  }
}

variable "site" {
  description = "The name of this place, written into each artifact."
  type        = string
}

variable "public_url" {
  description = "The address that people and clients use."
  type        = string
  validation {
    condition     = startswith(var.public_url, "https://")
    error_message = "Use an address with https://."
  }
}

variable "issuer" {
  description = "The issuer of tokens."
  type        = string
}

variable "audience" {
  description = "The audience of tokens."
  type        = string
}

variable "location" {
  description = "The region."
  type        = string
}

variable "resource_group" {
  description = "The resource group."
  type        = string
}

variable "subnet_id" {
  description = "The subnet, delegated to container groups."
  type        = string
}

variable "storage_name" {
  description = "The name of the storage account of the store."
  type        = string
}

variable "registry_id" {
  description = "The container registry."
  type        = string
  validation {
    condition     = can(regex("/providers/Microsoft.ContainerRegistry/registries/[^/]+$", var.registry_id))
    error_message = "Give the id of one registry, nothing wider."
  }
}

variable "registry_server" {
  description = "The host of the container registry."
  type        = string
}

variable "vault_id" {
  description = "The key vault with the secrets."
  type        = string
  validation {
    condition     = can(regex("/providers/Microsoft.KeyVault/vaults/[^/]+$", var.vault_id))
    error_message = "Give the id of one vault, nothing wider."
  }
}

variable "key_id" {
  description = "The key of the key vault that encrypts the container group at rest."
  type        = string
}

variable "passphrase_reference" {
  description = "A reference to the passphrase of the signing key, such as azure:VAULT/NAME."
  type        = string
}

variable "tls" {
  description = "The files tls.crt and tls.key, in base64; take them from the key vault."
  type        = map(string)
  sensitive   = true
}
