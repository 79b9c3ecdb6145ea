"""Who may do what here: two engines, Casbin for roles and Cedar for single calls, and both must allow.

A decision is about an identity, an action (``call``), an object (a tool) and the arguments. What cannot be decided is denied.
"""
