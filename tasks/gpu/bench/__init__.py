"""What a machine can do: drills on its processor or its GPUs, in sessions, beside a canary."""
