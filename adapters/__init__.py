"""The doors: every capability once as a typed function, and the thin clients of it."""

import sys
from os.path import dirname

# This runs first, whichever door is opened. The package `arcops` is taken from the folder of this one, whatever other package
# has that name. Then every other package of ours is checked in the same way.
sys.path.insert(0, dirname(dirname(__file__)))  # noqa: PTH120  # pathlib is not imported yet
try:
    from arcops import rooms
finally:
    del sys.path[0]

rooms.refuse_elsewhere()
