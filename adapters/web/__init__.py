"""The evidence pages: what the store keeps, in a browser. A view over the same tools as every door, and nothing of its own."""
