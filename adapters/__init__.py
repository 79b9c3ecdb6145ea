"""The doors: every capability once as a typed function, and the thin clients of it."""

import sys
from os.path import dirname

# Whichever door is opened, this runs first. The package `arcops` is taken from beside this one, whatever else has its name;
# then every room is asked for.
sys.path.insert(0, dirname(dirname(__file__)))  # noqa: PTH120  # pathlib is not imported yet
try:
    from arcops import rooms
finally:
    del sys.path[0]

rooms.refuse_elsewhere()
