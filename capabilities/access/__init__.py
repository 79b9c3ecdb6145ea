"""What can be asked about access: who may call, and what they may do."""
