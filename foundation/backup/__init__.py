"""A backup of a site: `places` says what a site is, `making` writes it to one file, `reading` verifies that, and `restoring`
puts it in its place, whole or not at all.
"""
