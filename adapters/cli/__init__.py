"""The command line: a thin client of `capabilities`, one module a group of commands, each imported when it is called."""

from arcops.rooms import leave_working_folder

leave_working_folder()  # before this package imports anything by a name that a file in that folder may have
