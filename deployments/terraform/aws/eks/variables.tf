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

variable "network_cidr" {
  description = "The addresses of the network."
  type        = string
  default     = "10.61.0.0/16"
  validation {
    condition     = can(cidrnetmask(var.network_cidr)) && can(regex("^(10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])|192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2]))$", var.network_cidr))
    error_message = "Use addresses of a private network (RFC 1918), such as 10.0.0.0/16."
  }
}

variable "zones" {
  description = "The availability zones."
  type        = list(string)
}

variable "kubernetes_version" {
  description = "The version of Kubernetes."
  type        = string
  default     = "1.34"
}

variable "administrator_role" {
  description = "The ARN of the role that administers the cluster."
  type        = string
}

variable "repository_arns" {
  description = "The ARNs of the image repositories that nodes pull from."
  type        = list(string)
  validation {
    condition     = alltrue([for one in var.repository_arns : can(regex("^arn:[^*?]+$", one))])
    error_message = "Name each by its whole ARN, without a pattern."
  }
}

variable "secret_arns" {
  description = "The ARNs of the secrets that the pods read."
  type        = list(string)
  validation {
    condition     = alltrue([for one in var.secret_arns : can(regex("^arn:[^*?]+$", one))])
    error_message = "Name each by its whole ARN, without a pattern."
  }
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

variable "instance_types" {
  description = "The types of the nodes."
  type        = list(string)
  default     = ["m7i.xlarge"]
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

variable "database_class" {
  description = "The class of the PostgreSQL server."
  type        = string
  default     = "db.m7g.large"
}

variable "region" {
  description = "The region."
  type        = string
}
