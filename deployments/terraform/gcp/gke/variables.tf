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
}

variable "pods_cidr" {
  description = "The addresses of pods."
  type        = string
  default     = "10.64.0.0/14"
}

variable "services_cidr" {
  description = "The addresses of services."
  type        = string
  default     = "10.63.0.0/20"
}

variable "control_plane_cidr" {
  description = "The addresses of the control plane."
  type        = string
  default     = "172.16.0.0/28"
}

variable "administrators_cidr" {
  description = "The addresses that administrators connect from."
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
