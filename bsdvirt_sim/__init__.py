"""The simulated host: a stand-in for a FreeBSD host (13.2 or 15.1), in a directory.

It takes the argument lists and files that the real host gets, answers in the words of
tests' captures of a real one, and refuses (UnknownCommand) what it was never shown.
"""

from bsdvirt_sim.context import UnknownCommand
from bsdvirt_sim.host import SimHost
from bsdvirt_sim.settings import Settings
from bsdvirt_sim.tools.distribution import make_release

__all__ = ["Settings", "SimHost", "UnknownCommand", "make_release"]
