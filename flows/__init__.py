"""Compose: plans over collectors and gates, and the two runners that execute them."""
