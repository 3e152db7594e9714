"""The forms of networks, releases, images, media, pools, and of a guest's devices: their fields,
and the command line that they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bsdvirt.spec.base import Names, Spec
from bsdvirt.spec.fields import fields_of, item_of, struct_of
from bsdvirt.spec.hostfile import PoolFile
from bsdvirt.spec.images import Checksum, ImageProfile
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.mounts import Mount
from bsdvirt.spec.snapshot import SnapshotName
from bsdvirt.spec.types import (
    DeviceName,
    GuestName,
    ImageName,
    IpAddress,
    MediaName,
    PoolName,
    TagName,
    Value,
)
from bsdvirt.spec.vm import Cdrom, Disk, VmNic
from bsdvirt.tui.forms.check import Assignments, Problem, Root, problem
from bsdvirt.tui.forms.draft import Draft
from bsdvirt.tui.forms.field import NO, YES, Control, FormField, assigned, property_field
from bsdvirt.tui.forms.form import Form, Order
from bsdvirt.tui.forms.sections import Section
from bsdvirt.tui.forms.values import checked, printable

PLACEHOLDER = "x"
"""Stands for a name that is a word of its own."""
SUBJECT = "SUBJECT"
"""In the words of a form: the name of what it is opened for."""


@dataclass(frozen=True, slots=True)
class Input:
    """A field, and how it becomes words of the command line."""

    field: FormField
    option: str = ""
    """The option that takes it; "" for a word without one."""
    glue: str = ""
    """What joins it to the word before."""
    only: bool = False
    """The option has no opposite: it is given or not."""

    def words(self, text: str) -> list[str]:
        """Return the words for a text that was typed."""
        if self.field.control is Control.LINES:
            lines = text.splitlines()
            return [
                word for line in lines for word in ((self.option, line) if self.option else (line,))
            ]
        if self.only:
            return [self.option] if text == YES else []
        if self.option and set(self.field.choices) <= {"", YES, NO} and self.field.choices:
            return [self.option if text == YES else f"--no-{self.option.removeprefix('--')}"]
        return [self.option, text] if self.option else [text]


@dataclass(frozen=True, slots=True)
class ObjectForm:
    """A form for one command of the command line."""

    title: str
    words: tuple[str, ...]
    inputs: tuple[Input, ...]
    struct: type[Spec] | None = None
    """The struct that all properties together must make."""

    def order(self, value: Callable[[FormField], str], subject: str) -> list[str]:
        """Return the command line for what is typed. An option comes after the other words; what
        begins with a hyphen, after `--`."""
        words = [subject if word == SUBJECT else word for word in self.words]
        options: list[str] = []
        for one in self.inputs:
            text = value(one.field)
            if not text:
                continue
            if one.glue:
                words[-1] += one.glue + text
            else:
                (options if one.option else words).extend(one.words(text))
        return [*words, *options]


def word_of(
    path: str, help: str, kind: type[Value] | None = None, *, option: str = "", glue: str = "",
    required: bool = True, names: Names | None = None, many: bool = False,
) -> Input:  # fmt: skip
    """Return a word that is no property, or of which only the type is one's."""
    field = FormField(
        path, path.lower(), help, getattr(kind, "words", ""), required=required, names=names,
        control=Control.LINES if many else Control.LINE, check=checked(kind) if kind else printable,
    )  # fmt: skip
    return Input(field, option, glue)


def _flag(path: str, help: str, option: str) -> Input:
    field = FormField(
        path, path, help, "yes | no", control=Control.CHOICE, choices=(NO, YES), default=NO,
        check=printable,
    )  # fmt: skip
    return Input(field, option)


def _choice(path: str, help: str, option: str) -> Input:
    """Return an option that is given or not."""
    flag = _flag(path, help, option)
    return replace(flag, only=True)


def property_of(struct: type[Spec], name: str, *, at: str = "") -> FormField:
    """Return the field of a property of a new object, checked by its type."""

    def check(text: str) -> str:
        value = assigned(field.of, text) if field.of is not None else text
        one = problem([Root(struct)], [(name, value)])
        return one.message if one is not None and one.path == name else ""

    field = property_field(struct, name, at=at)
    return replace(field, live=None, check=check)


def option_of(struct: type[Spec], name: str, option: str = "") -> Input:
    """Return the option that sets a property: `--` and its name."""
    return Input(
        replace(property_of(struct, name), required=False), option or f"--{name.replace('_', '-')}"
    )


def _options(struct: type[Spec], *without: str) -> tuple[Input, ...]:
    """Return an option for each property of a device that is one value, as cli/flags.py has it."""
    return tuple(
        option_of(struct, name)
        for name, field in fields_of(struct).items()
        if name not in without and not (item_of(field.type) or struct_of(field.type))
    )


_SETS = word_of(
    "with", "Further sets, such as base-dbg,lib32,src.", option="--with", required=False
)

OBJECTS: dict[str, ObjectForm] = {
    "release fetch": ObjectForm(
        "Fetch a release", ("release", "fetch"),
        (Input(replace(property_of(Jail, "release"), label="version",
                       help="Release to download, such as 14.3-RELEASE; by default the host's.",
                       required=False, names=None)), _SETS),
    ),
    "release add": ObjectForm(
        "Add a release", ("release", "add"),
        (word_of("source", "Directory with base.txz and MANIFEST, or its https URL."),
         word_of("name", "Its name, if base.txz does not state it.", option="--name",
               required=False), _SETS),
    ),
    "image fetch": ObjectForm(
        "Fetch an image", ("image", "fetch"),
        (word_of("profile", "Profile of the image.", names=Names.PROFILE),
         word_of("name", "Name of the image; by default that of the profile.", ImageName,
               option="--name", required=False)),
    ),
    "image import": ObjectForm(
        "Import an image", ("image", "import"),
        (word_of("file", "Raw file of the host, also compressed; qcow2, vmdk and vhd by qemu-img."),
         word_of("name", "Name of the image.", ImageName, option="--name"),
         option_of(ImageProfile, "loader"), option_of(ImageProfile, "system"),
         option_of(ImageProfile, "user"),
         _flag("cloud-init", "Whether cloud-init runs in it.", "--cloud-init")),
    ),
    "media add": ObjectForm(
        "Add a medium", ("media", "add"),
        (word_of("source", "ISO file of the host, or its https URL."),
         word_of("name", "Name of the medium; by default that of the file.", MediaName,
               option="--name", required=False),
         word_of("checksum", "SHA-256 or SHA-512 that the file must have.", Checksum,
               option="--checksum", required=False)),
    ),
    "pool add": ObjectForm(
        "Add a pool", ("pool", "add"),
        (Input(property_of(PoolFile, "dataset")),
         word_of("name", "Name of the pool; by default that of the zpool.", PoolName,
               option="--name", required=False),
         option_of(PoolFile, "mountpoint")),
    ),
    "disk add": ObjectForm(
        "Add a disk", ("disk", "add", SUBJECT),
        (word_of("disk", "Name of the disk and of its zvol, such as data.", DeviceName),
         *_options(Disk, "name")), struct=Disk,
    ),
    "disk resize": ObjectForm(
        "Grow a disk", ("disk", "resize", SUBJECT),
        (word_of("disk", "Name of the disk.", DeviceName),
         Input(replace(property_of(Disk, "size"), help="New size.", required=True))),
    ),
    "nic add": ObjectForm(
        "Add an interface", ("nic", "add", SUBJECT),
        _options(VmNic), struct=VmNic,
    ),
    "insert": ObjectForm(
        "Insert a medium", ("cdrom", "insert", SUBJECT),
        (word_of("medium", "Name of a medium, or an ISO file of the host.", names=Names.MEDIUM),
         Input(replace(property_of(Cdrom, "name"), label="drive", default="cd0", required=False),
               "--drive")),
    ),
    "mount": ObjectForm(
        "Mount a directory", ("mount", SUBJECT),
        (Input(replace(property_of(Mount, "source"), required=True, help="Directory of the host.")),
         Input(property_of(Mount, "target"), glue=":"),
         _flag("readonly", "Mount it read-only.", "--ro"),
         word_of("name", "Name of the mount.", GuestName, option="--name", required=False)),
    ),
    "expose": ObjectForm(
        "Forward ports", ("expose", SUBJECT),
        (word_of("ports", "Ports, one a line, as PROTOCOL:PORT:GUESTPORT, such as tcp:8080:80.",
               many=True),
         word_of("on", "Address of the host; by default that of the default route.", IpAddress,
               option="--on", required=False),
         word_of("from", "Network or address that may connect; by default any.", option="--from",
               required=False)),
    ),
    "rename": ObjectForm(
        "Rename", ("rename", SUBJECT), (word_of("name", "New name.", GuestName),),
    ),
    "clone": ObjectForm(
        "Clone", ("clone", SUBJECT),
        (word_of("snapshot", "Snapshot to clone; by default one is taken.", SnapshotName, glue="@",
                 required=False),
         word_of("names", "Names of the clones, one a line.", GuestName, many=True),
         word_of("properties", "Properties that differ, one a line, such as memory=2G.",
                 many=True, required=False),
         _choice("full", "Copies that do not depend on it.", "--full"),
         word_of("pool", "Pool to make them on, as full copies; by default its own.", PoolName,
                 option="--pool", required=False),
         _choice("keep-keys", "Keep host keys and machine ids in a jail's root.", "--keep-keys"),
         _choice("start", "Also start them.", "--start")),
    ),
    "tag": ObjectForm(
        "Tag", ("tag", SUBJECT),
        (word_of("tags", "Tags, one a line.", TagName, many=True, names=Names.TAG),),
    ),
}  # fmt: skip
"""By name, which is the verb's words."""


def open_object(host: str, name: str, subject: str) -> Form:
    """Return the form of this name for an object of the host."""
    of = OBJECTS[name]
    fields = tuple(one.field for one in of.inputs)

    def check(assignments: Assignments) -> Problem | None:
        if of.struct is None:
            return None
        own = [one for one in assignments if one[0] in fields_of(of.struct)]
        given = {key: PLACEHOLDER for key, one in fields_of(of.struct).items() if one.required}
        return problem([Root(of.struct, given)], own)

    def order(draft: Draft) -> Order:
        return Order(tuple(of.order(lambda one: one.normal(draft.value(one.path)), subject)))

    title = f"{of.title}: {subject}" if subject and SUBJECT in of.words else of.title
    draft = Draft([Section(of.title, fields)], {}, check)
    return Form(title, host, draft, order, needs_change=False)
