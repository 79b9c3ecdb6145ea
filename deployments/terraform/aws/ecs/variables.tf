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

variable "region" {
  description = "The region."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "private_subnets" {
  description = "The private subnets."
  type        = list(string)
}

variable "vpc_cidr" {
  description = "The addresses of the network, which may connect."
  type        = string
  validation {
    condition     = can(cidrnetmask(var.vpc_cidr)) && can(regex("^(10\\.[0-9.]+/([89]|[12][0-9]|3[0-2])|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]+/(1[2-9]|2[0-9]|3[0-2])|192\\.168\\.[0-9.]+/(1[6-9]|2[0-9]|3[0-2]))$", var.vpc_cidr))
    error_message = "Use addresses of a private network (RFC 1918), such as 10.0.0.0/16."
  }
}

variable "certificate_arn" {
  description = "The certificate of the load balancer."
  type        = string
  validation {
    condition     = can(regex("^arn:[^*?]+$", var.certificate_arn))
    error_message = "Name it by its whole ARN, without a pattern."
  }
}

variable "repository_arn" {
  description = "The ARN of the image repository."
  type        = string
  validation {
    condition     = can(regex("^arn:[^*?]+$", var.repository_arn))
    error_message = "Name it by its whole ARN, without a pattern."
  }
}

variable "signing_key_arn" {
  description = "The ARN of the secret with the signing key."
  type        = string
  validation {
    condition     = can(regex("^arn:[^*?]+$", var.signing_key_arn))
    error_message = "Name it by its whole ARN, without a pattern."
  }
}

variable "passphrase_arn" {
  description = "The ARN of the secret with its passphrase."
  type        = string
  validation {
    condition     = can(regex("^arn:[^*?]+$", var.passphrase_arn))
    error_message = "Name it by its whole ARN, without a pattern."
  }
}

variable "key_arn" {
  description = "The ARN of the key that encrypts at rest."
  type        = string
  validation {
    condition     = can(regex("^arn:[^*?]+$", var.key_arn))
    error_message = "Name it by its whole ARN, without a pattern."
  }
}

variable "secret_key_arn" {
  description = "The ARN of the key that encrypts the secrets."
  type        = string
  validation {
    condition     = can(regex("^arn:[^*?]+$", var.secret_key_arn))
    error_message = "Name it by its whole ARN, without a pattern."
  }
}

variable "tasks_min" {
  description = "The fewest tasks."
  type        = number
  default     = 1
}

variable "tasks_max" {
  description = "The most tasks."
  type        = number
  default     = 100
}

variable "database" {
  description = "The PostgreSQL server that the tasks share, without its password: postgresql+psycopg://USER@HOST:5432/NAME?sslmode=verify-full"
  type        = string
}

variable "database_password_arn" {
  description = "The ARN of the secret with its password."
  type        = string
  validation {
    condition     = can(regex("^arn:[^*?]+$", var.database_password_arn))
    error_message = "Name it by its whole ARN, without a pattern."
  }
}
