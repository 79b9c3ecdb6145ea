"""The operator's watch loop: a pure pass (`services.operator`) gets what the API server says, and what it wants is written."""
