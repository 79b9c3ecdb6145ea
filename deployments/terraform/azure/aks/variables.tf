variable "name" {
  description = "The name of everything that is made: lower-case letters, digits and hyphens."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,22}[a-z0-9]$", var.name))
    error_message = "Use 4 to 24 lower-case letters, digits and hyphens."
  }
}

variable "location" {
  description = "The region."
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

variable "tenant_id" {
  description = "The tenant of Entra ID."
  type        = string
}

variable "admin_groups" {
  description = "Groups of Entra ID that administer the cluster."
  type        = list(string)
  validation {
    condition     = length(var.admin_groups) > 0
    error_message = "Name one group at least; local accounts are off."
  }
}

variable "registry_id" {
  description = "The container registry that nodes pull from."
  type        = string
  validation {
    condition     = can(regex("/providers/Microsoft.ContainerRegistry/registries/[^/]+$", var.registry_id))
    error_message = "Give the id of one registry, nothing wider."
  }
}

variable "disk_encryption_set_id" {
  description = "The disk encryption set with the site's own key."
  type        = string
}

variable "database_dns_zone_id" {
  description = "The private DNS zone of the PostgreSQL server."
  type        = string
}

variable "network_cidr" {
  description = "The addresses of the virtual network."
  type        = string
  default     = "10.60.0.0/16"
  validation {
    condition     = can(cidrnetmask(var.network_cidr)) && can(regex("^(10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])|192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2]))$", var.network_cidr))
    error_message = "Use addresses of a private network (RFC 1918), such as 10.0.0.0/16."
  }
}

variable "namespace" {
  description = "The namespace of the chart."
  type        = string
  default     = "arcops"
}

variable "release" {
  description = "The name of the chart's release."
  type        = string
  default     = "site"
}

variable "kubernetes_version" {
  description = "The version of Kubernetes."
  type        = string
  default     = "1.34"
}

variable "node_size" {
  description = "The size of the nodes; it has to support encryption at the host."
  type        = string
  default     = "Standard_D4ds_v5"
}

variable "nodes_min" {
  description = "The fewest nodes."
  type        = number
  default     = 2
}

variable "nodes_max" {
  description = "The most nodes."
  type        = number
  default     = 10
}

variable "database_size" {
  description = "The size of the PostgreSQL server."
  type        = string
  default     = "GP_Standard_D2ds_v5"
}

variable "geo_redundant" {
  description = "Keep the backups of the database in a second region, too."
  type        = bool
  default     = false
}
