"""Attend a running guest.

    python3 -I -S …/bsdvirt/supervise/__main__.py KIND MODE FILE [options]

KIND vm; FILE is the guest's run directory:
    start       attend the guest in the background; ends once it runs (or "already")
    foreground  the same in this process: ends when the guest has powered off
    stop        [--timeout S] [--force]: ACPI's power button, then by the guest's policy
    reset, pause, resume, nmi
    console     [--log-first]: this terminal becomes the guest's; left by ~. or Ctrl-]
It ends 0, 1 (one line on standard error says why), 3 where no supervisor runs, or 4 for a
stop that took force. run.json says what to run, state.json what goes on; supervisor.lock is
held by the supervisor, and run.lock by bhyve itself.

KIND jail; FILE says what the main command of the jail is:
    start       attend it in the background; ends once it runs (or "already")
    stop        --timeout S: SIGTERM; fails where that takes longer
    stop        SIGKILL
It ends 0, or 1 with one line on standard error. FILE names the state file, and the lock that
is held while there is a supervisor.

KIND archive: parts of export and import, see archive/__init__.py. It ends 0, or 1 with one line on
standard error.
"""

import os
import sys
import types

VM_MODES = ("start", "foreground", "stop", "reset", "pause", "resume", "nmi", "console")
ARCHIVE_MODES = (
    "begin", "add", "end", "publish", "discard", "show", "check", "stream",
    "extract",
)  # fmt: skip
MODES = {"vm": VM_MODES, "jail": ("start", "stop"), "archive": ARCHIVE_MODES}


def main(words: list[str]) -> int:
    """Do what the words say; the exit status."""
    if len(words) < 3 or words[1] not in MODES.get(words[0], ()):
        print(__doc__, file=sys.stderr)
        return 1
    # By its directory alone: nothing that is installed beside it can be imported.
    package = types.ModuleType("bsdvirt")
    package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules["bsdvirt"] = package
    kind, mode, path, *options = words
    if kind == "archive":
        from bsdvirt.supervise.archive import work

        return work.main(mode, [path, *options])
    from bsdvirt.supervise import client, command
    from bsdvirt.supervise.files import Failed, here

    timeout = float(options[options.index("--timeout") + 1]) if "--timeout" in options else None
    try:
        if kind == "vm":
            return client.main(mode, here(path), timeout, options)
        if mode == "start":
            return command.start(path)
        return command.stop(path, timeout or 0.0)
    except (Failed, OSError, KeyError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
