"""Fixes as patches: the smallest change to the text of a manifest that gives the wanted meaning, as a unified diff.

Pure: text in, text out. A change is returned only if reading the changed text gives exactly what was meant.
"""
