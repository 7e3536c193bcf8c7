"""Wiring: command line, settings, roles, start and stop. The only place where rooms meet."""

__version__ = "0.1.0"
