"""The simulated host: a stand-in for a FreeBSD host (13.2 or 15.1), in a directory.

It takes the argument lists and files that the real host gets, answers in the words of
tests' captures of a real one, and refuses (UnknownCommand) what it was never shown.
"""

from bsdvirt.host.sim.context import UnknownCommand
from bsdvirt.host.sim.host import SimHost
from bsdvirt.host.sim.release import make_release
from bsdvirt.host.sim.settings import Settings

__all__ = ["Settings", "SimHost", "UnknownCommand", "make_release"]
