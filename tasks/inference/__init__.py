"""The collector that puts an inference endpoint under a load and measures it."""
