"""Prefect: deployments, automations, runs from outside, and what people see of a run."""
