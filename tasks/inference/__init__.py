"""The collector of what an inference endpoint does under a load."""
