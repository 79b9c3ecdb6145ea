"""The registry of images that the operator named: `naming` reads its name, `asking` asks it, `pushing` brings images into it.

Source: Open Container Initiative, Distribution Specification 1.1.
"""
