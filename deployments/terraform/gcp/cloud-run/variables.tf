variable "name" {
  description = "The name of everything that is made."
  type        = string
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

variable "network" {
  description = "The network."
  type        = string
}

variable "subnet" {
  description = "The subnet."
  type        = string
}

variable "bucket" {
  description = "The bucket of the store."
  type        = string
}

variable "key_id" {
  description = "The key that encrypts at rest."
  type        = string
}

variable "repository" {
  description = "The image repository of Artifact Registry."
  type        = string
}

variable "repository_location" {
  description = "Its location."
  type        = string
}

variable "passphrase_secret" {
  description = "The name of the secret with the passphrase of the signing key."
  type        = string
}

variable "signing_key_secret" {
  description = "The name of the secret with the signing key."
  type        = string
}

variable "invokers" {
  description = "Who may call: members of IAM, never allUsers."
  type        = list(string)
  validation {
    condition     = alltrue([for one in var.invokers : can(regex("^(user|group|serviceAccount|principal):[^*]+$", one))])
    error_message = "Name users, groups, service accounts or principals; everyone (allUsers) is never let in."
  }
}

variable "instances_max" {
  description = "The most instances; a store in a bucket has one writer."
  type        = number
  default     = 1
}
