"""Perform actions: the only module that changes the host."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from bsdvirt.errors import (
    BsdvirtError,
    CommandError,
    HostError,
    StepError,
    end_of,
    without_progress,
)
from bsdvirt.facts.dad import PAUSE, ROUNDS, awaited
from bsdvirt.facts.mount import beneath, read_mounts
from bsdvirt.host import restore, tools
from bsdvirt.host.base import Host, LineSink
from bsdvirt.plan.conditions import holds
from bsdvirt.plan.satisfied import is_satisfied
from bsdvirt.plan.step import (
    Action,
    Await,
    AwaitAddresses,
    Command,
    Copy,
    MakeDirectory,
    MergeRoot,
    Pipeline,
    PutBack,
    RemoveDirectory,
    RemoveFile,
    RemoveTree,
    Rename,
    Undo,
    UnmountBeneath,
    WriteFile,
)
from bsdvirt.plan.sync import is_persistent, sync_written
from bsdvirt.record import replace
from bsdvirt.spec.mounts import within

BUSY_WORDS = ("is busy", "Device busy", "Resource busy")
RETRY_PAUSE = 0.25
AWAIT_PAUSE = 0.05


APART = "setaffinity: Resource deadlock avoided"
BOUND = (
    "a process of the guest has probably bound itself to other CPUs (procstat -S shows it): end it,"
    " or stop the guest, change its CPUs, and start it"
)


def _hint(stderr: str) -> str:
    """Return what to do about the error of a command. The kernel refuses a cpuset CPUs that are all
    others than those that a process in it has bound itself to, as with cpuset -l
    (cpuset_testupdate() in kern_cpuset.c)."""
    return BOUND if APART in stderr else ""


def act(host: Host, action: Action, on_line: LineSink | None = None) -> None:
    """Perform one action, and sync what it wrote to disk. Raises StepError (CommandError for a
    command)."""
    try:
        match action:
            case Command(title=title) if title:
                _titled(host, action)
            case Command(own=True):
                _own(host, action)
            case Command(argv=argv, ok=ok, timeout=timeout):
                result = host.run(argv, changes=True, timeout=timeout, on_line=on_line)
                result.check(ok, _hint(result.stderr))
            case Pipeline():
                _pipe(host, action, on_line)
            case WriteFile(path=path, content=content, mode=mode, beneath=root) if root:
                host.fs.write_beneath(root, path, content, mode)
            case WriteFile(path=path, content=content, mode=mode):
                host.fs.write(path, content, mode, sync=is_persistent(path))
            case PutBack(path=path, beneath=root, was=was):
                restore.put(host.fs, root, path, was)
            case RemoveFile(path=path, beneath=root) if root:
                host.fs.unlink_beneath(root, path)
            case RemoveFile(path=path):
                host.fs.unlink(path, sync=is_persistent(path))
            case MakeDirectory(path=path, mode=mode, beneath=root) if root:
                host.fs.mkdir_beneath(root, path, mode)
            case MakeDirectory(path=path, mode=mode):
                host.fs.mkdir(path, mode, sync=is_persistent(path))
            case RemoveDirectory(path=path, beneath=root):
                host.fs.rmdir_beneath(root, path)
            case RemoveTree(path=path):
                _refuse_mounted(host, path)
                host.fs.rmtree(path, sync=is_persistent(path))
            case UnmountBeneath(path=path, but=but, kinds=kinds):
                for place in beneath(read_mounts(host), path, but, kinds):
                    _unmount(host, place)
            case Rename(path=path, to=to):
                host.fs.rename(path, to)
            case Copy():
                _copy(host, action)
            case MergeRoot():
                _merge_root(host, action)
            case Await(path=path, seconds=seconds):
                _await(host, path, seconds)
            case AwaitAddresses(interface=interface, addresses=addresses):
                _await_addresses(host, interface, addresses)
        sync_written(host, action)
    except OSError as error:
        raise StepError(f"{error.filename or 'file'}: {error.strerror}") from error
    except HostError as error:
        raise StepError(error.message, error.hint) from error


def _await(host: Host, path: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not host.fs.exists(path):
        if time.monotonic() >= deadline:
            raise StepError(f"{path} did not appear within {seconds:.0f} s", "try again")
        time.sleep(AWAIT_PAUSE)


def _await_addresses(host: Host, interface: str, cidrs: Sequence[str]) -> None:
    wanted = awaited(cidrs)
    for _ in range(ROUNDS):
        shown = host.run((tools.IFCONFIG, interface, "inet6"), changes=False).check().stdout
        for one in wanted:
            if one.duplicated in shown:
                raise StepError(
                    f"{one.address} of {interface}: another host of the network has this address",
                    f"find it by ndp -an, or give {interface} another",
                )
        if not any(one.tentative in shown for one in wanted):
            return
        time.sleep(PAUSE)


def _unmount(host: Host, place: str) -> None:
    if host.run((tools.UMOUNT, place), changes=True).status != 0:
        host.run((tools.UMOUNT, "-f", place), changes=True).check()


def _refuse_mounted(host: Host, path: str) -> None:
    """Raises StepError if something is mounted in the tree, which removing it would delete."""
    if not host.fs.exists(path):
        return
    inside = [mount.path for mount in read_mounts(host) if within(mount.path, path)]
    if inside:
        raise StepError(
            f"{path} is not removed: {', '.join(inside)} is mounted there",
            f"umount {inside[-1]}, then try again",
        )


def _titled(host: Host, command: Command) -> None:
    """Run a command of the user's, whose output goes to its log."""
    result = host.run(command.argv, changes=True, timeout=command.timeout)
    how = "timed out" if result.timed_out else f"exit status {result.status}"
    printed = result.stdout + result.stderr
    if command.log:
        end = "" if printed.endswith("\n") or not printed else "\n"
        host.fs.mkdir(command.log.rpartition("/")[0], 0o700)
        host.fs.append(command.log, f"{command.title}: {how}\n{printed}{end}", 0o600)
    if result.timed_out or result.status not in command.ok:
        last = (result.stderr.strip() or result.stdout.strip()).splitlines()[-1:]
        where = f"what it printed is in {command.log}" if command.log else ""
        raise StepError(": ".join([command.title, how, *last]), where)


def _pipe(host: Host, pipe: Pipeline, on_line: LineSink | None) -> None:
    """Run two commands. Where one is a part of bsdvirt, what they print is the error message."""
    piped = host.pipe(
        pipe.left, pipe.right, timeout=pipe.timeout, on_line=on_line, limit=pipe.limit
    )
    # zfs send -vP says each second how far it is.
    result = replace(piped, stderr=without_progress(piped.stderr))
    own = tools.ARCHIVE in (side[: len(tools.ARCHIVE)] for side in (pipe.left, pipe.right))
    if own and result.status and not result.timed_out and (said := end_of(result.stderr)):
        raise StepError(said)
    result.check()


def _own(host: Host, command: Command) -> None:
    """Run a part of bsdvirt in a separate process."""
    result = host.run(command.argv, changes=True, timeout=command.timeout)
    if result.timed_out:
        raise StepError(f"the supervisor did not answer within {command.timeout:.0f} s")
    if result.status not in command.ok:
        said = result.stderr.strip().splitlines() or [f"exit status {result.status}"]
        raise StepError(said[-1])


def _copy(host: Host, action: Copy) -> None:
    from bsdvirt.host.copying import copy_in, copy_out

    root, check = host.fs.path(action.root), host.interrupt.check
    # A slash at its end says that it is a directory.
    outer = f"{str(host.fs.prefix).rstrip('/')}{action.outer}"
    if action.inward:
        copy_in(outer, root, action.inner, recursive=action.recursive, check=check)
    else:
        copy_out(root, action.inner, outer, recursive=action.recursive, check=check)


def _merge_root(host: Host, action: MergeRoot) -> None:
    from bsdvirt.host.merge.apply import apply

    paths = (action.base, action.mine, action.root, action.work)
    base, mine, root, work = (host.fs.path(path) for path in paths)
    apply(base, mine, root, work, action.choice, action.digest, host.interrupt.check)


def act_patiently(
    host: Host, action: Action, seconds: float, on_line: LineSink | None = None
) -> None:
    """Perform an action, and retry for up to `seconds` while something is busy: the last references
    to a jail are dropped late (research/jails.md, "Dying")."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act(host, action, on_line)
        except CommandError as error:
            busy = any(words in error.stderr for words in BUSY_WORDS)
            if not busy or time.monotonic() >= deadline:
                raise
            time.sleep(RETRY_PAUSE)


def take_back(
    host: Host, undos: tuple[Undo, ...], tell: Callable[[Action, str], None]
) -> list[StepError]:
    """Perform the undos whose condition holds and that are not satisfied yet; return the errors
    after trying all."""
    failures: list[StepError] = []
    for undo in undos:
        try:
            if not holds(host, undo.when) or is_satisfied(host, undo.do):
                continue
            act_patiently(host, undo.do, undo.retry)
            tell(undo.do, "")
        except BsdvirtError as error:
            if is_satisfied(host, undo.do):
                # It went away meanwhile.
                continue
            failure = (
                error if isinstance(error, StepError) else StepError(error.message, error.hint)
            )
            if not undo.tolerant:
                failures.append(failure)
            tell(undo.do, failure.message)
    return failures
