"""What the operator itself needs on a cluster: its rights, its pods, and the policies around them."""
