"""What a file is, decided by its bytes: one module a format, each bounded in time and memory whatever the header says."""

from tasks.content.inspection import inspect
from tasks.content.window import Window

__all__ = ["Window", "inspect"]
