"""The command line: a thin client of `capabilities`, one module a group of commands, each imported when it is called."""

from arcops.rooms import leave_working_folder

leave_working_folder()  # before the modules of this package import anything by a name that a file there may have
