variable "name" {
  description = "The name of everything that is made."
  type        = string
}

variable "labels" {
  description = "Labels of every resource; owner, cost-centre and data-class must be among them."
  type        = map(string)
  validation {
    condition     = length(setsubtract(["owner", "cost-centre", "data-class"], keys(var.labels))) == 0
    error_message = "Give the labels owner, cost-centre and data-class."
  }
}

variable "project" {
  description = "The project."
  type        = string
}

variable "region" {
  description = "The region."
  type        = string
}

variable "nodes_cidr" {
  description = "The addresses of nodes."
  type        = string
  default     = "10.62.0.0/20"
  validation {
    condition     = can(cidrnetmask(var.nodes_cidr)) && can(regex("^(10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])|192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2]))$", var.nodes_cidr))
    error_message = "Use addresses of a private network (RFC 1918), such as 10.0.0.0/16."
  }
}

variable "pods_cidr" {
  description = "The addresses of pods."
  type        = string
  default     = "10.64.0.0/14"
  validation {
    condition     = can(cidrnetmask(var.pods_cidr)) && can(regex("^(10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])|192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2]))$", var.pods_cidr))
    error_message = "Use addresses of a private network (RFC 1918), such as 10.0.0.0/16."
  }
}

variable "services_cidr" {
  description = "The addresses of services."
  type        = string
  default     = "10.63.0.0/20"
  validation {
    condition     = can(cidrnetmask(var.services_cidr)) && can(regex("^(10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])|192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2]))$", var.services_cidr))
    error_message = "Use addresses of a private network (RFC 1918), such as 10.0.0.0/16."
  }
}

variable "control_plane_cidr" {
  description = "The addresses of the control plane."
  type        = string
  default     = "172.16.0.0/28"
  validation {
    condition     = can(cidrnetmask(var.control_plane_cidr)) && can(regex("^(10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])|192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2]))$", var.control_plane_cidr))
    error_message = "Use addresses of a private network (RFC 1918), such as 10.0.0.0/16."
  }
}

variable "administrators_cidr" {
  description = "The addresses that administrators connect from."
  type        = string
  validation {
    condition     = can(cidrnetmask(var.administrators_cidr)) && can(regex("^(10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])|192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2]))$", var.administrators_cidr))
    error_message = "Use addresses of a private network (RFC 1918), such as 10.0.0.0/16."
  }
}

variable "repository" {
  description = "The image repository of Artifact Registry."
  type        = string
}

variable "repository_location" {
  description = "Its location."
  type        = string
}

variable "secrets" {
  description = "The names of the secrets that the pods read."
  type        = list(string)
}

variable "key_id" {
  description = "The key that encrypts at rest."
  type        = string
}

variable "namespace" {
  description = "The namespace of the chart."
  type        = string
  default     = "arcops"
}

variable "release" {
  description = "The name of the release of the chart."
  type        = string
  default     = "site"
}

variable "machine_type" {
  description = "The type of the nodes."
  type        = string
  default     = "n2d-standard-4"
}

variable "nodes_min" {
  description = "The fewest nodes."
  type        = number
  default     = 1
}

variable "nodes_max" {
  description = "The most nodes, in each zone."
  type        = number
  default     = 4
}

variable "database_tier" {
  description = "The size of the PostgreSQL server."
  type        = string
  default     = "db-custom-2-8192"
}
