output "address" {
  description = "The address of the service, inside the project's networks."
  value       = google_cloud_run_v2_service.this.uri
}
