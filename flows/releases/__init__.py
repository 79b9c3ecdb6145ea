"""A release before it is judged: its description, the plan of its parts, and the parts that must run."""
