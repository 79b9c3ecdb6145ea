"""Rooms of what lives long and changes by itself. They never meet, and know no door."""
