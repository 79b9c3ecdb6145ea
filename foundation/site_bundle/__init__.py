"""What a site gets across an air gap, in one signed file: `pieces` says what that may be, `making` writes it, `reading`
verifies it, and `installing` makes it count, or takes it back.
"""
