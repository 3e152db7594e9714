"""What the supervisor of a running virtual machine reads again. Pure."""

from __future__ import annotations

from bsdvirt.bhyve import config, supervise
from bsdvirt.guest.inventory import Guest
from bsdvirt.layout import bhyve_conf, run_file
from bsdvirt.plan.step import FileExists, Not, Step, Undo, WriteFile
from bsdvirt.spec.vm import Vm


def run_steps(guest: Guest, before: Vm, after: Vm, conf: str, job: str) -> list[Step]:
    """What its supervisor reads again: what is in the drives when the guest reboots, and how
    it is stopped and restarted. `conf` and `job` are the files of its present run."""
    parts = [(vm.cdroms, vm.stop, vm.restart) for vm in (before, after)]
    if parts[0] == parts[1] or not conf or not job:
        return []
    name = guest.name
    written = (
        (bhyve_conf(name), conf, config.with_media(conf, guest, after)),
        (run_file(name), job, supervise.changed(job, guest, after, config.media_of(conf))),
    )
    return [
        Step(
            WriteFile(path, new, 0o600),
            "what its supervisor reads again",
            undo=(Undo(WriteFile(path, old, 0o600), FileExists(path)),),
            unless=Not(FileExists(path)),
        )
        for path, old, new in written
        if new != old
    ]
