"""What a site may watch its ArcOps by: spans, and log lines that know the run and the artifact they are about.

All of it is off, and costs next to nothing, until something is configured; nothing leaves the machine on its own.
"""
