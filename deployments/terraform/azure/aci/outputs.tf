output "address" {
  description = "The private address of the front."
  value       = azurerm_container_group.this.ip_address
}
