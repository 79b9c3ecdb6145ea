"""What every capability needs: settings, secrets, identity, telemetry, processes, and connections."""
