"""The command line: a thin client of `adapters.tools`, one module a group of commands, each imported when it is called."""
