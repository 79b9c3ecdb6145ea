output "address" {
  description = "The private name of the balancer; point the host of public_url to it."
  value       = aws_lb.this.dns_name
}
