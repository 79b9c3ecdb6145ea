"""The collector of what an inference endpoint does under a load."""

from tasks.inference.inference import inference

__all__ = ["inference"]
