output "cluster" {
  description = "The name of the cluster."
  value       = azurerm_kubernetes_cluster.this.name
}

output "resource_group" {
  description = "The resource group of the cluster."
  value       = azurerm_resource_group.this.name
}

output "database_host" {
  description = "For the chart: postgresql.host."
  value       = azurerm_postgresql_flexible_server.this.fqdn
}

output "database_cidr" {
  description = "For the chart: postgresql.to."
  value       = azurerm_subnet.database.address_prefixes[0]
}

output "pod_identity" {
  description = "For the chart: the annotation azure.workload.identity/client-id of identityOfPods."
  value       = azurerm_user_assigned_identity.pods.client_id
}

output "vault" {
  description = "For references to secrets: azure:NAME#KEY."
  value       = azurerm_key_vault.this.vault_uri
}
