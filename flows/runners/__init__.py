"""The runners of a plan: direct, isolated, and in a flow of Prefect."""
