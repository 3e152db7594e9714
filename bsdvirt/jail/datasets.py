"""ZFS properties and datasets of jails: quotas and their like, and the datasets that a jail
is given. Pure.

A jailed dataset stays so when its jail is gone (zfs-jail(8)): what is in it, and where it
wants to be mounted, was the jail's to say, and the host must never believe it. The kernel
takes a dataset back from a jail that ends (zone_destroy in spl_zone.c); its mounts stay, and
are unmounted with all the others. The host cannot change the mountpoint of a jailed dataset,
the jail can: so it is set in the jail, before anything else runs there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from bsdvirt.errors import HostError, NotFoundError, UsageError
from bsdvirt.facts.mount import Mount
from bsdvirt.guest.inventory import Guest
from bsdvirt.host import tools
from bsdvirt.plan.marks import clear_mark, destroy_ours, mark_of
from bsdvirt.plan.step import Command, DatasetExists, Step, Undo
from bsdvirt.spec.base import Spec
from bsdvirt.spec.digits import natural
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.mounts import within
from bsdvirt.spec.params import Scalar
from bsdvirt.spec.storage import SETTINGS, Delegated, settings
from bsdvirt.zfs.values import Value, Values

if TYPE_CHECKING:
    from bsdvirt.guest.archive.parts import Parts

PROPERTIES = (
    "type", "jailed", "mountpoint", "keystatus", "encryptionroot", *SETTINGS,
)  # fmt: skip
"""What is to be known of each dataset."""
NO_PLACE = ("none", "legacy", "-")
NEEDED: Mapping[str, Scalar] = {"allow.mount": True, "allow.mount.zfs": True, "enforce_statfs": 1}
"""The parameters of jail(8) without which a jail mounts nothing of ZFS's."""


class StorageFacts(Struct, frozen=True):
    """What the host shows of a guest's datasets."""

    values: Values = field(default_factory=dict)
    hidden: bool = False
    """The jail's devfs ruleset hides /dev/zfs."""


# ---- quotas and their like ----


def setting_words(spec: Spec) -> tuple[str, ...]:
    """The words of `zfs create` and its like."""
    pairs = settings(spec).items()
    return tuple(word for name, value in pairs for word in ("-o", f"{name}={value}"))


def fit_settings(
    dataset: str, wanted: Mapping[str, str | None], had: Mapping[str, Value]
) -> list[Step]:
    """Bring these properties about, each undone to what it was; None is as ZFS has it
    without us."""
    steps: list[Step] = []
    for name in _in_order(wanted, had):
        value, now = wanted[name], had.get(name, Value("-", "default"))
        if value is None and not now.local:
            continue
        if value is not None and now.value == value and now.local:
            continue
        steps.append(
            Step(
                Command(_argv(dataset, name, value)),
                f"{name} of {dataset}",
                undo=(Undo(Command(_argv(dataset, name, now.value if now.local else None))),),
                durable=True,
            )
        )
    return steps


def _in_order(wanted: Mapping[str, str | None], had: Mapping[str, Value]) -> list[str]:
    """ZFS refuses a quota below what is reserved: what makes room comes first."""

    def grows(name: str) -> bool:
        old = had[name].value if name in had else "0"
        return int(wanted[name] or 0) > (natural(old) or 0)

    names = [name for name in SETTINGS if name in wanted]
    return sorted(names, key=lambda name: name == "reservation" and grows(name))


def _argv(dataset: str, name: str, value: str | None) -> tuple[str, ...]:
    """Sizes cannot be inherited (captures): `none` clears them."""
    if value in (None, "0") and (clear := SETTINGS[name].clear):
        return (tools.ZFS, "set", f"{name}={clear}", dataset)
    if value is None:
        return (tools.ZFS, "inherit", name, dataset)
    return (tools.ZFS, "set", f"{name}={value}", dataset)


def changed_settings(before: Spec, after: Spec) -> dict[str, str | None]:
    """Which of them differ, and what they are to be."""
    old, new = settings(before), settings(after)
    return {name: new.get(name) for name in SETTINGS if old.get(name) != new.get(name)}


# ---- datasets of a jail's own ----


def dataset_of(guest: Guest, entry: Delegated) -> str:
    """The dataset's full name."""
    return str(entry.dataset) if entry.dataset else f"{guest.dataset}/{entry.name}"


def names_of(guest: Guest, jail: Jail) -> list[str]:
    """All that the jail is given."""
    return [dataset_of(guest, entry) for entry in jail.datasets]


def creation_steps(
    guest: Guest, entries: Iterable[Delegated], values: Values, op: str
) -> list[Step]:
    """Make those of the guest's own that do not exist."""
    return [
        Step(
            Command(
                (
                    tools.ZFS, "create", *mark_of(op), "-o", f"mountpoint={entry.mountpoint}",
                    "-o", "jailed=on", *setting_words(entry), dataset_of(guest, entry),
                )
            ),
            f"the dataset {entry.name}, for the jail to mount at {entry.mountpoint}",
            undo=(destroy_ours(dataset_of(guest, entry), op),),
            durable=True,
            unless=DatasetExists(dataset_of(guest, entry)),
        )
        for entry in _absent(guest, entries, values)
    ]  # fmt: skip


def completion_steps(
    guest: Guest, entries: Iterable[Delegated], values: Values, op: str
) -> list[Step]:
    """Once all is done: the new ones bear no mark any more."""
    return [clear_mark(dataset_of(guest, entry), op) for entry in _absent(guest, entries, values)]


def _absent(guest: Guest, entries: Iterable[Delegated], values: Values) -> Iterator[Delegated]:
    return (e for e in entries if e.dataset is None and dataset_of(guest, e) not in values)


def fit_steps(guest: Guest, jail: Jail, values: Values) -> list[Step]:
    """What the file says of datasets that are there, before a start: it may have been
    changed by hand. What it does not say is left as it is."""
    steps: list[Step] = []
    root = f"{guest.dataset}/root"
    if root in values:
        steps += fit_settings(root, settings(jail), values[root])
    for entry in jail.datasets:
        name = dataset_of(guest, entry)
        if name in values:
            if values[name]["jailed"].value != "on":
                steps.append(_jailed_step(name, values[name]["jailed"]))
            steps += fit_settings(name, settings(entry), values[name])
    return steps


def change_steps(
    guest: Guest, before: Jail, after: Jail, values: Values, op: str
) -> tuple[list[Step], list[Step]]:
    """What a change of the file asks for at once, running or not: new datasets made,
    properties set; and what completes it. Nothing is ever destroyed."""
    steps = creation_steps(guest, after.datasets, values, op)
    root = f"{guest.dataset}/root"
    steps += fit_settings(root, changed_settings(before, after), values.get(root, {}))
    old = {dataset_of(guest, entry): entry for entry in before.datasets}
    for entry in after.datasets:
        name = dataset_of(guest, entry)
        if name in values:
            was = old.get(name)
            wanted = changed_settings(was, entry) if was else dict(settings(entry))
            steps += fit_settings(name, wanted, values[name])
    return steps, completion_steps(guest, after.datasets, values, op)


def kept_notes(guest: Guest, before: Jail, after: Jail) -> tuple[str, ...]:
    """What is to be known of datasets that a change takes from the jail."""
    gone = [name for name in names_of(guest, before) if name not in names_of(guest, after)]
    return tuple(f"{name} is kept, with its data; {how_to_drop(guest, name)}" for name in gone)


def how_to_drop(guest: Guest, name: str) -> str:
    """What to do with a dataset that no jail is given any more."""
    if name.startswith(guest.dataset + "/"):
        return f"zfs destroy -r {name} destroys it"
    return f"zfs set jailed=off {name} gives it back to the host"


def needs_values(before: Jail | None, after: Jail) -> bool:
    """Whether ZFS is to be asked for a change, or for a start (without `before`)."""
    if before is None:
        return bool(after.datasets or settings(after))
    return before.datasets != after.datasets or bool(changed_settings(before, after))


def _jailed_step(name: str, now: Value) -> Step:
    back = ("set", "jailed=off", name) if now.local else ("inherit", "jailed", name)
    return Step(
        Command((tools.ZFS, "set", "jailed=on", name)),
        f"{name} is for jails only: the host no longer mounts it",
        undo=(Undo(Command((tools.ZFS, *back))),),
        durable=True,
    )


def check_storage(
    guest: Guest, jail: Jail, facts: StorageFacts, mounts: Sequence[Mount] = ()
) -> None:
    """Raises UsageError, NotFoundError and HostError for datasets that could not be given
    to the jail. `mounts` is what is mounted now; what lies beneath its root is its own."""
    if settings(jail) and guest.identity.root is not None:
        raise UsageError(
            f"{guest.name}: {', '.join(settings(jail))}: its root {guest.root} is your own"
            " directory, not a dataset of bsdvirt's",
            f"omit that, and use zfs set on the dataset that contains {guest.root}",
        )
    if not jail.datasets:
        return
    _check_params(guest.name, jail)
    if facts.hidden:
        raise HostError(
            f"{guest.name}: devfs ruleset {jail.ruleset} hides /dev/zfs, which datasets need",
            "add `path zfs unhide` to it in /etc/devfs.rules and run service devfs restart",
        )
    for entry in jail.datasets:
        at, name = f"{guest.name}: datasets.{entry.name}", dataset_of(guest, entry)
        if entry.dataset is not None:
            _check_elsewhere(at, guest, name, facts.values)
        if name in facts.values:
            if entry.mountpoint is None and facts.values[name]["mountpoint"].value in NO_PLACE:
                raise UsageError(
                    f"{at}: {name} has no mountpoint of its own, so the jail would not mount it",
                    f"bsdvirt set {guest.name} datasets.{entry.name}.mountpoint=/data",
                )
            _check_given(at, guest, name, facts.values[name], mounts)


def _check_params(name: str, jail: Jail) -> None:
    for param in NEEDED:
        given = jail.params.get(param)
        if given is False or (param == "enforce_statfs" and given is not None and int(given) > 1):
            raise UsageError(
                f"{name}: params.{param} is {str(given).lower()}, and with datasets it must be"
                f" {'0 or 1' if param == 'enforce_statfs' else 'true'}",
                f"bsdvirt set {name} params.{param}= leaves it to bsdvirt",
            )


def _check_elsewhere(at: str, guest: Guest, name: str, values: Values) -> None:
    for ours in (guest.layout.dataset, *guest.layout.siblings):
        if within(f"/{name}", f"/{ours}") or within(f"/{ours}", f"/{name}"):
            raise UsageError(
                f"{at}.dataset: {name} and bsdvirt's own {ours} overlap",
                "omit `dataset` to have one created for the guest, or name one elsewhere",
            )
    if name not in values:
        raise NotFoundError(f"{at}.dataset: no dataset {name}", f"zfs create {name}")
    if values[name]["type"].value != "filesystem":
        raise UsageError(f"{at}.dataset: {name} is a {values[name]['type'].value}", "give another")


def _check_given(
    at: str, guest: Guest, name: str, values: Mapping[str, Value], mounts: Sequence[Mount]
) -> None:
    if values["keystatus"].value == "unavailable":
        raise HostError(
            f"{at}: {name} is locked: the key that it is encrypted with is not loaded",
            f"zfs load-key {values['encryptionroot'].value}",
        )
    for mount in mounts:
        mine = within(f"/{mount.source}", f"/{name}") and mount.kind == "zfs"
        if mine and not mount.path.startswith(guest.root + "/"):
            raise HostError(
                f"{at}: {mount.source} is mounted at {mount.path}, and a dataset that is"
                " delegated to a jail cannot be mounted elsewhere",
                f"zfs umount {mount.source}, or stop the jail that has it",
            )


# ---- archives ----


def archived_parts(jail: Jail) -> Parts:
    """Return a jail's root, and the datasets that it is given beneath its own."""
    from bsdvirt.guest.archive.parts import Parts, Place

    places = {"root": Place("filesystem", setting_words(jail), mounted=True)}
    for entry in jail.datasets:
        if entry.dataset is None:
            own = ("-o", f"mountpoint={entry.mountpoint}", "-o", "jailed=on")
            # The host looks for no partitions in a volume that a jail has made.
            places[str(entry.name)] = Place(
                "filesystem", (*own, *setting_words(entry)), nested=("-o", "volmode=dev")
            )
    return Parts(places)


# ---- jail.conf ----


def needed_params(jail: Jail) -> dict[str, Scalar]:
    """The parameters of jail(8) that datasets ask for, where the user gives none."""
    if not jail.datasets:
        return {}
    return {name: value for name, value in NEEDED.items() if name not in jail.params}


def attach_commands(guest: Guest, jail: Jail) -> list[str]:
    """Run on the host once the jail is created, before anything runs in it. Not jail(8)'s own
    zfs.dataset: it starts the jail also without a dataset that cannot be attached (command.c)."""
    return [f"{tools.ZFS} jail {guest.name} {name}" for name in names_of(guest, jail)]


def mount_commands(guest: Guest, jail: Jail, values: Values) -> list[str]:
    """Run in the jail before its own commands: what a service needs is there when it starts."""
    commands = []
    for entry in jail.datasets:
        name = dataset_of(guest, entry)
        now = values[name]["mountpoint"].value if name in values else str(entry.mountpoint)
        if entry.mountpoint is not None and str(entry.mountpoint) != now:
            commands.append(f"{tools.ZFS} set mountpoint={_word(str(entry.mountpoint))} {name}")
    return [*commands, f"{tools.ZFS} mount -a"] if jail.datasets else []


def _word(path: str) -> str:
    """A path as a word of a command line for /bin/sh, which jail(8) runs it by."""
    import shlex

    return shlex.quote(path)
