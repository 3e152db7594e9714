"""cpuset_getaffinity(2), by which cpuset(1) reads the CPUs of a jail or a process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ctypes import _NamedFuncPointer

LEVEL_CPUSET = 2
LEVEL_WHICH = 3
WHICH_PID = 2
WHICH_JAIL = 5
SELF = -1
BITS = 1024
"""More than a kernel has CPUs (CPU_MAXSIZE)."""


@cache
def _call() -> _NamedFuncPointer | None:
    """Return the function of libc; None where there is none."""
    try:
        import ctypes

        call = ctypes.CDLL(None, use_errno=True).cpuset_getaffinity
    except (ImportError, OSError, AttributeError):
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_size_t, ctypes.c_void_p)
    call.restype = ctypes.c_int
    return call


def jail_cpus(jid: int) -> tuple[int, ...] | None:
    """Return the CPUs of a jail; None if it does not exist, or the kernel cannot be asked so."""
    return _cpus(LEVEL_WHICH, WHICH_JAIL, jid)


def process_cpus(pid: int) -> tuple[int, ...] | None:
    """Return the CPUs of the cpuset that a process is in, whatever CPUs of these it has bound
    itself to; None if it does not exist, or the kernel cannot be asked so."""
    return _cpus(LEVEL_CPUSET, WHICH_PID, pid)


def own_cpus() -> tuple[int, ...] | None:
    """Return the CPUs that this process may run on; None if the kernel cannot be asked so."""
    return _cpus(LEVEL_WHICH, WHICH_PID, SELF)


def _cpus(level: int, which: int, number: int) -> tuple[int, ...] | None:
    call = _call()
    if call is None:
        return None
    import ctypes

    bits = 8 * ctypes.sizeof(ctypes.c_ulong)
    words = (ctypes.c_ulong * (BITS // bits))()
    if call(level, which, number, ctypes.sizeof(words), words) != 0:
        return None
    return tuple(
        bits * at + bit for at, word in enumerate(words) for bit in range(bits) if word >> bit & 1
    )
