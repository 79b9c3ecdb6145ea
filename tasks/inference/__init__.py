"""The collector of what an inference endpoint does under a load."""

from tasks.inference.collecting import inference

__all__ = ["inference"]
