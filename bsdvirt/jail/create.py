"""Plans that make a jail. Pure."""

from __future__ import annotations

from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.jail.datasets import completion_steps, creation_steps, setting_words
from bsdvirt.jail.root import FROM_RELEASE, Origin, root_steps
from bsdvirt.layout import Layout, guest_log_directory
from bsdvirt.plan.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.plan.step import (
    Command,
    FileExists,
    MakeDirectory,
    Pipeline,
    Plan,
    Step,
    Undo,
    WriteFile,
)
from bsdvirt.spec.identity import PROPERTY, Identity
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import dump, identity_to_json

COPY_SECONDS = 6 * 3600.0


def plan_create(
    name: str,
    jail: Jail,
    identity: Identity,
    layout: Layout,
    op: str,
    *,
    thick: bool = False,
    size: int = 0,
    snapshot: str = "",
    origin: Origin = FROM_RELEASE,
    hooks: tuple[Step, ...] = (),
) -> Plan:
    """A jail: its dataset with its identity, its root, its file.

    `origin` is where the root comes from. Of a release, it is a clone, or with `thick` a
    full copy of `snapshot`, by default @base; `size` is then the bytes to copy, for the progress
    bar. `hooks` are run once all is there.
    """
    guest, root = layout.guest(name), layout.jail_root(name)
    mark = mark_of(op)
    claim = ("-o", f"{PROPERTY}={identity_to_json(identity)}")
    made = Step(
        Command((tools.ZFS, "create", *mark, *claim, guest)),
        f"the guest {name}: its identity and claims",
        undo=(destroy_ours(guest, op),),
        durable=True,
    )
    described = Step(
        WriteFile(layout.guest_file(name), dump(jail), 0o600),
        "its configuration",
        durable=True,
    )
    words = (*mark, *setting_words(jail))
    marked = () if origin.adopted else (root,)
    base = snapshot or f"{layout.release(jail.release)}@base"
    if origin.kind != "release":
        roots = root_steps(origin, layout, name, words, destroy_ours(root, op))
    elif thick:
        roots = copied_root(base, root, words, op, size)
    else:
        # Its undo is that of the guest's dataset, which it is beneath, and so is its mark.
        roots, marked = (cloned_root(base, root, setting_words(jail)),), ()
    new = Guest(name, layout, identity)
    data = creation_steps(new, jail.datasets, {}, op)
    if hooks:
        hooks = (_logs(guest_log_directory(name)), *hooks)
    completed = completion_steps(new, jail.datasets, {}, op)
    finish = (*completed, *(clear_mark(dataset, op) for dataset in (*marked, guest)))
    return Plan("create", name, "guest", (made, *roots, *data, described, *hooks), finish, op=op)


def _logs(directory: str) -> Step:
    return Step(MakeDirectory(directory, 0o700), "its logs", unless=FileExists(directory))


def cloned_root(base: str, root: str, words: tuple[str, ...], undo: tuple[Undo, ...] = ()) -> Step:
    """Make a root that is a clone of the snapshot `base`."""
    return Step(
        Command((tools.ZFS, "clone", *words, base, root)),
        "its root, a clone of the release",
        undo=undo,
        durable=True,
    )


def copied_root(
    base: str, root: str, words: tuple[str, ...], op: str, size: int
) -> tuple[Step, Step]:
    """Make a root that is a full copy of the snapshot `base`."""
    copied = Step(
        Pipeline(
            (tools.ZFS, "send", "-vP", base),
            (tools.ZFS, "receive", *words, root),
            timeout=COPY_SECONDS,
        ),
        "its root, a full copy of the release",
        undo=(destroy_ours(root, op),),
        durable=True,
        size=size,
    )
    freed = Step(
        Command((tools.ZFS, "destroy", f"{root}@{base.partition('@')[2]}")),
        "the snapshot that came with the copy",
        durable=True,
    )
    return copied, freed
