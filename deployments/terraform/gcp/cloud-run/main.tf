terraform {
  required_version = ">= 1.9"
  required_providers {
    google = { source = "hashicorp/google", version = ">= 7.0, < 8" }
  }
}

locals {
  labels = merge(var.labels, { "managed-by" = "terraform", "part-of" = "arcops" })
}

resource "google_service_account" "this" {
  project      = var.project
  account_id   = var.name
  display_name = "ArcOps ${var.name}"
}

resource "google_artifact_registry_repository_iam_member" "pull" {
  project    = var.project
  location   = var.repository_location
  repository = var.repository
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.this.member
}

resource "google_secret_manager_secret_iam_member" "this" {
  for_each  = toset([var.signing_key_secret, var.passphrase_secret])
  project   = var.project
  secret_id = each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.this.member
}

resource "google_storage_bucket" "store" {
  project                     = var.project
  name                        = var.bucket
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  labels                      = local.labels
  versioning {
    enabled = true
  }
  encryption {
    default_kms_key_name = var.key_id
  }
}

resource "google_storage_bucket_iam_member" "store" {
  bucket = google_storage_bucket.store.name
  role   = "roles/storage.objectUser"
  member = google_service_account.this.member
}

# A bucket has no locks between instances, so one instance writes. More (instances_max) only with stores of their own.
resource "google_cloud_run_v2_service" "this" {
  project              = var.project
  name                 = var.name
  location             = var.region
  ingress              = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  invoker_iam_disabled = false
  deletion_protection  = true
  labels               = local.labels

  template {
    service_account                  = google_service_account.this.email
    encryption_key                   = var.key_id
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = 80
    session_affinity                 = true
    labels                           = local.labels

    scaling {
      min_instance_count = 1
      max_instance_count = var.instances_max
    }

    vpc_access {
      egress = "ALL_TRAFFIC"
      network_interfaces {
        network    = var.network
        subnetwork = var.subnet
      }
    }

    containers {
      image = var.image
      args  = ["server", "--no-worker", "--host", "0.0.0.0", "--port", "8420", "--behind-proxy"]

      ports {
        container_port = 8420
      }
      env {
        name  = "ARCOPS_TIER"
        value = "restricted"
      }
      env {
        name  = "ARCOPS_SITE"
        value = var.site
      }
      env {
        name  = "ARCOPS_PUBLIC_URL"
        value = var.public_url
      }
      env {
        name  = "ARCOPS_OIDC_ISSUER"
        value = var.issuer
      }
      env {
        name  = "ARCOPS_OIDC_AUDIENCE"
        value = var.audience
      }
      env {
        name  = "ARCOPS_STORE"
        value = "/mnt/store/artifacts"
      }
      env {
        name  = "ARCOPS_KEY"
        value = "env:ARCOPS_SIGNING_KEY"
      }
      env {
        name = "ARCOPS_SIGNING_KEY"
        value_source {
          secret_key_ref {
            secret  = var.signing_key_secret
            version = "latest"
          }
        }
      }
      env {
        name = "ARCOPS_PASSPHRASE"
        value_source {
          secret_key_ref {
            secret  = var.passphrase_secret
            version = "latest"
          }
        }
      }
      resources {
        limits            = { cpu = "2", memory = "4Gi" }
        cpu_idle          = false
        startup_cpu_boost = true
      }
      startup_probe {
        period_seconds    = 5
        failure_threshold = 24
        http_get {
          path = "/startupz"
          port = 8420
        }
      }
      liveness_probe {
        period_seconds = 20
        http_get {
          path = "/livez"
          port = 8420
        }
      }
      volume_mounts {
        name       = "store"
        mount_path = "/mnt/store"
      }
    }

    volumes {
      name = "store"
      gcs {
        bucket    = google_storage_bucket.store.name
        read_only = false
      }
    }
  }

  traffic {
    type    = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
    percent = 100
  }
}

# Only members that are named may call, besides the token that ArcOps itself asks for.
resource "google_cloud_run_v2_service_iam_member" "invokers" {
  for_each = toset(var.invokers)
  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.this.name
  role     = "roles/run.invoker"
  member   = each.key
}
