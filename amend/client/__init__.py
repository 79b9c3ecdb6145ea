"""Clients' configuration as text: each family in its own file, and changes of a user's file that leave every other byte."""
