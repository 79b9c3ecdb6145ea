"""Judge: one module, one gate, pure. A new gate is a new file here; everything else finds it."""
