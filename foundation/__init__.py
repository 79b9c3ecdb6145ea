"""What every capability stands on: settings now; identity, audit and telemetry as they come."""
