"""What can be asked about models that share GPUs."""
