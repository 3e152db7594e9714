"""What is particular to copies of jails. It reads what their roots hold, and plans."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from bsdvirt.errors import ConflictError, UsageError
from bsdvirt.guest.inventory import Guest
from bsdvirt.guest.snapshots.clone import (
    Cloner,
    Content,
    Data,
    Origin,
    Setting,
    copy_steps,
    left_out,
)
from bsdvirt.host.fs import Fs
from bsdvirt.jail import settings
from bsdvirt.jail.copies import private
from bsdvirt.jail.datasets import creation_steps, dataset_of, setting_words
from bsdvirt.jail.facts.private import read_private
from bsdvirt.jail.facts.settings import read_own
from bsdvirt.layout import KEPT
from bsdvirt.net.files import Networks
from bsdvirt.plan.step import Step
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.storage import Delegated

ROOT = "root"


class JailCloner(Cloner[Jail]):
    """Copies of jails."""

    def own(self, source: Guest, before: Jail, after: Jail) -> tuple[Jail, tuple[str, ...]]:
        """Addresses of the host's stack are chosen by the user; interfaces of the host and datasets
        elsewhere stay with the source."""
        for number, shared in enumerate(after.addresses):
            if shared.address in [one.address for one in before.addresses]:
                raise UsageError(
                    f"addresses.{number}.address: {shared.address} is {source.name}'s",
                    f"add addresses.{number}.address=ADDRESS",
                )
        notes = []
        taken = [name for name in after.interfaces if name in before.interfaces]
        if taken:
            notes.append(f"interfaces: {', '.join(taken)} stays {source.name}'s")
        theirs = [one.dataset for one in before.datasets if one.dataset]
        datasets = [one for one in after.datasets if one.dataset not in theirs or not one.dataset]
        notes += [
            f"datasets.{one.name}: {one.dataset} stays {source.name}'s"
            for one in after.datasets
            if one not in datasets
        ]
        own = msgspec.structs.replace(
            after,
            interfaces=[name for name in after.interfaces if name not in taken],
            datasets=datasets,
        )
        return own, tuple(notes)

    def refuse(self, source: Guest) -> None:
        if source.identity.root is not None:
            raise ConflictError(
                f"the root of {source.name}, {source.root}, is a directory of yours, and in no"
                " snapshot",
                f"bsdvirt create jail NAME --root-from {source.root}",
            )

    def contents(self, directory: str) -> str:
        return f"{directory}/{ROOT}"

    def data(self, new: Guest, spec: Jail, origin: Origin, op: str) -> Data:
        """Its root, and the datasets delegated to it; with all below these."""
        root = origin.content(ROOT)
        if root is None and origin.content(ROOT + KEPT) is not None:
            raise ConflictError(
                f"{origin.words} was taken before an upgrade: its root is now {ROOT}{KEPT}",
                f"to return to that root: bsdvirt upgrade {origin.guest.name} --back",
            )
        if root is None or root.volsize is not None:
            raise ConflictError(
                f"{origin.words} has no {origin.guest.dataset}/{ROOT}",
                f"bsdvirt snapshot ls {origin.guest.name}",
            )
        steps = [*copy_steps(origin, root, f"{new.dataset}/{ROOT}", setting_words(spec),
                             "its root", op)]  # fmt: skip
        used, absent, notes = [root], [], []
        for entry in spec.datasets:
            name = str(entry.name)
            content = origin.content(name) if entry.dataset is None else None
            if content is not None and content.volsize is None:
                steps += _delegated(new, entry, content, origin, op)
                used.append(content)
            elif entry.dataset is None:
                absent.append(entry)
                notes.append(f"datasets.{name} is not in {origin.words}, and is new and empty")
        below = [one for top in tuple(used) for one in _below(origin, top)]
        if below:
            names = ", ".join(one.dataset for one in below)
            notes.append(f"{names}: properties that these have of their own are not copied")
        for content in below:
            name = content.dataset.removeprefix(f"{origin.guest.dataset}/")
            target = f"{new.dataset}/{name}"
            steps += copy_steps(origin, content, target, (), f"its dataset {name}", op)
        used += below
        steps += creation_steps(new, absent, {}, op)
        made = [one.dataset.replace(origin.guest.dataset, new.dataset, 1) for one in used]
        made += [dataset_of(new, entry) for entry in absent]
        return Data(tuple(steps), tuple(made), notes=(*notes, *left_out(origin, used)))

    def settings(
        self, fs: Fs, new: Guest, spec: Jail, networks: Networks, contents: str
    ) -> Setting:
        """Its host name in its /etc/hosts, and its time zone."""
        steps = settings.steps(new, spec, read_own(fs, contents, spec))
        return Setting(tuple(steps))

    def clear(self, fs: Fs, new: Guest, spec: Jail, contents: str, old: Collection[str]) -> Setting:
        return private.clear(new, spec, read_private(fs, contents, spec), old)


def _delegated(
    new: Guest, entry: Delegated, content: Content, origin: Origin, op: str
) -> tuple[Step, ...]:
    """The jail mounts it where the file says. What a jail set itself on it is not believed."""
    words = ("-o", f"mountpoint={entry.mountpoint}", "-o", "jailed=on", *setting_words(entry))
    why = f"its dataset {entry.name}, for the jail to mount at {entry.mountpoint}"
    return copy_steps(origin, content, dataset_of(new, entry), words, why, op)


def _below(origin: Origin, top: Content) -> list[Content]:
    name = top.dataset.removeprefix(f"{origin.guest.dataset}/")
    return [one for one in origin.beneath(name) if one != top]
