"""Locks: who has it is told, waiting ends, looking changes nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bsdvirt.errors import ConflictError
from bsdvirt.host.fs import Fs
from bsdvirt.plan.locks import LOCK_DIRECTORY, Lock, is_held


@pytest.fixture
def fs(tmp_path: Path) -> Fs:
    return Fs(tmp_path)


def test_a_busy_guest_names_its_holder(fs: Fs) -> None:
    with (
        Lock(fs, "guest", "web").acquire("start"),
        pytest.raises(ConflictError) as raised,
    ):
        Lock(fs, "guest", "web").acquire("stop")
    assert raised.value.message == f"guest web is busy: start, process {os.getpid()}"
    assert raised.value.hint == "try again later, or end that: bsdvirt stop web"
    with Lock(fs, "guest", "web").acquire("stop"):
        pass


def test_the_line_of_an_earlier_longer_holder_does_not_show_through(fs: Fs) -> None:
    with Lock(fs, "guest", "web").acquire("a verb with many words"):
        pass
    with Lock(fs, "guest", "web").acquire("set"), pytest.raises(ConflictError) as raised:
        Lock(fs, "guest", "web").acquire("stop")
    assert raised.value.message == f"guest web is busy: set, process {os.getpid()}"


def test_locks_of_other_things_do_not_meet(fs: Fs) -> None:
    with (
        Lock(fs, "guest", "web").acquire("x"),
        Lock(fs, "guest", "db").acquire("x"),
        Lock(fs, "network", "web").acquire("x"),
        Lock(fs, "allocation").acquire("x"),
    ):
        assert is_held(fs, "guest", "db")


@contextmanager
def _held_by_another(fs: Fs, kind: str) -> Iterator[None]:
    """A child process that has the lock until the end of the block."""
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with Lock(fs, kind, "web").acquire("console"):  # type: ignore[arg-type]
            os.write(ready[1], b"x")
            os.read(done[0], 1)
            os._exit(0)
    os.read(ready[0], 1)
    try:
        yield
    finally:
        os.write(done[1], b"x")
        os.waitpid(child, 0)
        for descriptor in (*ready, *done):
            os.close(descriptor)


def test_another_process_has_it_until_it_ends(fs: Fs) -> None:
    with _held_by_another(fs, "guest"):
        assert is_held(fs, "guest", "web")
        with pytest.raises(ConflictError, match=r"console, process \d+"):
            Lock(fs, "guest", "web").acquire("start")
    assert not is_held(fs, "guest", "web")
    Lock(fs, "guest", "web").acquire("start").release()


def test_looking_makes_no_file(fs: Fs) -> None:
    assert not is_held(fs, "guest", "web")
    assert not fs.exists(LOCK_DIRECTORY)
    Lock(fs, "guest", "db").acquire("x").release()
    assert not is_held(fs, "guest", "web")
    assert fs.listdir(LOCK_DIRECTORY) == ["guest.db"]


def test_the_file_stays_and_is_roots_alone(fs: Fs) -> None:
    Lock(fs, "guest", "web").acquire("x").release()
    assert fs.path(f"{LOCK_DIRECTORY}/guest.web").stat().st_mode & 0o777 == 0o600
    assert fs.path(LOCK_DIRECTORY).stat().st_mode & 0o777 == 0o700


def test_a_lock_is_waited_for(fs: Fs) -> None:
    held = Lock(fs, "network", "lan").acquire("create")
    threading.Timer(0.15, held.release).start()
    began = time.monotonic()
    with Lock(fs, "network", "lan").acquire("up", wait=5.0):
        assert 0.1 < time.monotonic() - began < 3.0


def test_waiting_ends(fs: Fs) -> None:
    began = time.monotonic()
    with Lock(fs, "network", "lan").acquire("create"), pytest.raises(ConflictError):
        Lock(fs, "network", "lan").acquire("up", wait=0.1)
    assert 0.1 <= time.monotonic() - began < 3.0


def test_shared_holders_share_and_keep_an_exclusive_one_out(fs: Fs) -> None:
    with (
        Lock(fs, "network", "lan").acquire("start", shared=True),
        Lock(fs, "network", "lan").acquire("start", shared=True),
        pytest.raises(ConflictError, match="network lan is busy"),
    ):
        Lock(fs, "network", "lan").acquire("destroy")
    with (
        Lock(fs, "network", "lan").acquire("destroy"),
        pytest.raises(ConflictError, match="destroy, process"),
    ):
        Lock(fs, "network", "lan").acquire("start", shared=True)


def test_no_descriptor_is_left_by_one_that_was_busy(fs: Fs) -> None:
    with Lock(fs, "guest", "web").acquire("start"):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            with pytest.raises(ConflictError):
                Lock(fs, "guest", "web").acquire("stop")
            is_held(fs, "guest", "web")
        assert len(os.listdir("/proc/self/fd")) == before


def test_what_was_said_does_not_outlast_it(fs: Fs) -> None:
    """A child between fork(2) and execve(2) holds a lock for a moment longer."""
    lock = Lock(fs, "start", "t1").acquire("start t1")
    lock.say("pci.0.3.0.path=/dev/zvol/disk")
    child = os.dup(_descriptors("start.t1")[0])
    lock.release()
    assert is_held(fs, "start", "t1")
    assert fs.read_text(f"{LOCK_DIRECTORY}/start.t1") == ""
    os.close(child)


def _descriptors(name: str) -> list[int]:
    """The descriptors of this process that are open on the lock."""
    return [
        int(entry)
        for entry in os.listdir("/proc/self/fd")
        if os.path.realpath(f"/proc/self/fd/{entry}").endswith(f"/{name}")
    ]


def test_a_child_process_does_not_inherit_it(fs: Fs) -> None:
    """A command that outlives us must not keep the guest busy."""
    lock = Lock(fs, "guest", "web").acquire("start")
    held = _descriptors("guest.web")
    assert held
    assert not any(os.get_inheritable(descriptor) for descriptor in held)
    lock.release()
