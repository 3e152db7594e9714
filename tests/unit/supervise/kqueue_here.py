"""A supervisor as it runs on FreeBSD: its events by kqueue(2), which is made of epoll(7) here,
and who a process is by ps(1). Run in the place of bsdvirt/supervise/__main__.py, whose path is
the first argument."""

import os
import runpy
import select
import sys

PROC, VNODE, NOTE_EXIT = -5, -4, 1 << 31
KILLED = 9


class Event:
    def __init__(
        self, ident: int, filter: int, flags: int = 0, fflags: int = 0, data: int = 0
    ) -> None:
        self.ident, self.filter, self.fflags, self.data = ident, filter, fflags, data


class Queue:
    """Only ends of processes: that a file grows, it does not tell."""

    def __init__(self) -> None:
        self.epoll = select.epoll()
        self.pids: dict[int, int] = {}
        self.fileno, self.close = self.epoll.fileno, self.epoll.close

    def control(
        self, changes: list[Event] | None, most: int, timeout: float | None = None
    ) -> list[Event]:
        for change in changes or ():
            if change.filter == PROC:
                assert change.fflags == NOTE_EXIT
                fd = os.pidfd_open(change.ident)
                self.pids[fd] = change.ident
                self.epoll.register(fd, select.EPOLLIN)
        ends = self.epoll.poll(timeout) if most else []
        return [self._end(fd) for fd, _ in ends]

    def _end(self, fd: int) -> Event:
        pid = self.pids.pop(fd)
        self.epoll.unregister(fd)
        os.close(fd)
        try:
            with open(f"{os.environ['BSDVIRT_ROOT']}/var/run/ended.{pid}") as stream:
                status = int(stream.read())
        except OSError:
            status = KILLED
        return Event(pid, PROC, fflags=NOTE_EXIT, data=status)


SPAWN = os.posix_spawn


def spawn(path, argv, env, **how):  # type: ignore[no-untyped-def]
    """Have ps(1) show the title that a simulated bhyve has given itself, which is its name here."""
    if path == "/bin/ps":
        argv = ["comm=" if word == "command=" else word for word in argv]
    return SPAWN(path, argv, env, **how)


os.posix_spawn = spawn
for name, value in {
    "kqueue": Queue, "kevent": Event, "KQ_FILTER_PROC": PROC, "KQ_FILTER_VNODE": VNODE,
    "KQ_NOTE_EXIT": NOTE_EXIT, "KQ_NOTE_EXTEND": 4, "KQ_EV_ADD": 1, "KQ_EV_CLEAR": 32,
    "KQ_FILTER_READ": -1, "KQ_FILTER_WRITE": -2, "KQ_EV_DELETE": 2,
}.items():  # fmt: skip
    setattr(select, name, value)
sys.platform = "freebsd15"
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
