"""Runbooks that execute: templates as data, made for a role, with steps that are commands of ours, each with a check."""
