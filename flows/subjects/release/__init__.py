"""A release: its evaluation, its description as a person writes it, and the plan of its parts."""
