"""The gate ``fit``: the arithmetic of memory, the search for a placement, and what is said of both."""
