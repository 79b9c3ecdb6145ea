output "cluster" {
  description = "The name of the cluster."
  value       = google_container_cluster.this.name
}

output "database_host" {
  description = "For the chart: postgresql.host."
  value       = google_sql_database_instance.this.private_ip_address
}

output "database_cidr" {
  description = "For the chart: postgresql.to."
  value       = "${google_compute_global_address.database.address}/${google_compute_global_address.database.prefix_length}"
}

output "pod_identity" {
  description = "For the chart: the annotation iam.gke.io/gcp-service-account of identityOfPods."
  value       = google_service_account.pods.email
}
