"""The best-practice checklist of a hosted server: each item with the evidence that shows it now."""
