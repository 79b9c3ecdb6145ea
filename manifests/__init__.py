"""What would be applied: Kubernetes objects made from a typed description, pure and in deterministic bytes."""
