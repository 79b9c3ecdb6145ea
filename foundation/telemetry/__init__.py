"""Telemetry for a site: spans, and log lines that name the run and the artifact they are about.

All of it is off, and costs almost nothing, until it is configured; nothing leaves the machine by itself.
"""
