"""The evidence pages: the content of the store, in a browser. A view over the same tools as every door, and nothing more."""
