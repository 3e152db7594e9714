"""Plans that releases and images share: sealed as a base of clones, copied, removed. Pure.

Both are datasets with a snapshot @base, in each pool where a guest is cloned from one. A release
has one more for each update: its patch levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from bsdvirt.errors import ConflictError
from bsdvirt.host import tools
from bsdvirt.layout import Layout
from bsdvirt.plan.marks import clear_mark, destroy_marked, destroy_ours, mark_going, mark_of
from bsdvirt.plan.step import Command, Pipeline, Plan, Step

Kind = Literal["release", "image"]
BASE = "base"
"""Snapshot of a release or an image as it was added."""
COPY_SECONDS = 24 * 3600.0
DESTROY_SECONDS = 3600.0


def dataset_of(kind: Kind, name: str, pool: Layout) -> str:
    """Return the dataset of a release or an image."""
    return pool.release(name) if kind == "release" else pool.image(name)


def read_only(dataset: str) -> Step:
    """Return the step that protects a finished dataset."""
    return Step(
        Command((tools.ZFS, "set", "readonly=on", dataset)), "protect it from changes", durable=True
    )


def sealed(dataset: str, why: str) -> tuple[Step, Step]:
    """Return the steps that make a dataset the base of clones."""
    snapshot = Command((tools.ZFS, "snapshot", f"{dataset}@{BASE}"))
    return read_only(dataset), Step(snapshot, why, durable=True)


def plan_copy(
    kind: Kind,
    name: str,
    source: str,
    target: Layout,
    op: str,
    size: int,
    options: Sequence[str] = (),
    received: Sequence[Step] = (),
    snapshot: str = BASE,
) -> Plan:
    """Copy the dataset `source` to another pool: clones cannot cross pools. `size` is the
    estimate of zfs(8), `options` are for zfs receive, `received` the steps after it. Of a release,
    `snapshot` is its newest patch level."""
    dataset = dataset_of(kind, name, target)
    copy = Step(
        Pipeline(
            (tools.ZFS, "send", "-vP", f"{source}@{snapshot}"),
            (tools.ZFS, "receive", *mark_of(op), *options, dataset),
            timeout=COPY_SECONDS,
        ),
        f"copy {kind} {name} to {target.dataset}",
        undo=(destroy_ours(dataset, op),),
        durable=True,
        size=size,
    )
    steps = (copy, *received, read_only(dataset))
    return Plan(f"copy {kind}", name, kind, steps, (clear_mark(dataset, op),), op=op)


def plan_remove(kind: Kind, name: str, clones: Sequence[str], pool: Layout, op: str) -> Plan:
    """Remove a release or an image from a pool. Raises ConflictError naming the guests whose
    datasets are clones of it."""
    if clones:
        # A jail that was upgraded has two roots.
        users = ", ".join(dict.fromkeys(user_of(clone, pool) for clone in clones))
        raise ConflictError(
            f"{kind} {name} is the base of {users}",
            f"destroy those first, or promote one of them: zfs promote {clones[0]}",
        )
    dataset = dataset_of(kind, name, pool)
    gone = destroy_marked(dataset, op, f"destroy {dataset}", timeout=DESTROY_SECONDS)
    steps = (mark_going(dataset, op),)
    return Plan(f"remove {kind}", name, kind, steps, (gone,), op=op, must_journal=False)


def user_of(clone: str, pool: Layout) -> str:
    """Return the guest that a clone belongs to; the clone itself if it is not a guest's."""
    prefix = f"{pool.dataset}/guests/"
    return clone.removeprefix(prefix).split("/")[0] if clone.startswith(prefix) else clone
