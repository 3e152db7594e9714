"""The simulated host: a stand-in for a FreeBSD host (13.2 or 15.1), kept in a directory.

It takes the argument lists and files that the real host gets, answers as the captures of a real
host show, and refuses (UnknownCommand) what no capture shows.
"""

from bsdvirt_sim.context import UnknownCommand
from bsdvirt_sim.host import SimHost

__all__ = ["SimHost", "UnknownCommand"]
