"""Fixes as patches: the smallest change to the words of a manifest that says something else, as a unified diff.

Pure: text in, text out. A change is handed out only where reading the changed words gives exactly what was meant.
"""
