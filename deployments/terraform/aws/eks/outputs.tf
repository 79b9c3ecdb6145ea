output "cluster" {
  description = "The name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "database_host" {
  description = "For the chart: postgresql.host."
  value       = aws_db_instance.this.address
}

output "database_cidr" {
  description = "For the chart: postgresql.to."
  value       = var.network_cidr
}
