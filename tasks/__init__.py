"""Collect: the work of every Prefect task, and the only I/O of the spine. A collector never judges."""
