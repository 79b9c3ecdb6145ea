"""The runners of a plan: direct, isolated, and as Prefect tasks."""
