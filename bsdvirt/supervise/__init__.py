"""Supervisors of running guests: one process for each virtual machine, and one for each jail
that has a main command.

Standard library only. They run in `python3 -I -S`, by way of __main__.py, and import all of
this package when they start, so that they outlive an upgrade of the package.
"""
