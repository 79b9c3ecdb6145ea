"""The operator's watch loop: what the API server says goes to the pure pass of `services.operator`, what it wants is written."""
