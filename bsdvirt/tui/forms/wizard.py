"""The wizard: a new jail or virtual machine, and the `bsdvirt create …` that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bsdvirt.errors import UsageError
from bsdvirt.spec.base import Names
from bsdvirt.spec.cloud import CloudInit, SshKey
from bsdvirt.spec.fields import fields_of, item_of, struct_of
from bsdvirt.spec.guest import GuestSpec
from bsdvirt.spec.identity import Boot
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.limits import JailLimits
from bsdvirt.spec.nic import Nic
from bsdvirt.spec.paths import split_assignments
from bsdvirt.spec.sizes import SizeName
from bsdvirt.spec.types import GuestName, TagName
from bsdvirt.spec.vm import FIRST_DISK, Disk, Vm
from bsdvirt.tui.forms.draft import Draft
from bsdvirt.tui.forms.field import NO, YES, Control, FormField, assigned, flow
from bsdvirt.tui.forms.form import Also, Form, Order
from bsdvirt.tui.forms.known import Known
from bsdvirt.tui.forms.objects import Input, option_of, property_of, word_of
from bsdvirt.tui.forms.sections import NEW, REMOVED, Section, element_section, new_part
from bsdvirt.tui.forms.values import checked, printable

JAIL, VM = "jail", "vm"
KINDS = (JAIL, VM)
SMALL = "small"
"""The size profile by default."""
IMAGE, ISO, EMPTY = "image", "iso", "empty"
DISKS = "disks"


FROM: Mapping[str, Mapping[str, str]] = {
    "release": {"kind": JAIL, "release": "{}"},
    "image": {"kind": VM, "source": IMAGE, "image": "{}"},
    "profile": {"kind": VM, "source": IMAGE, "image": "{}"},
    "media": {"kind": VM, "source": ISO, "iso": "{}"},
}
"""What is filled in for a guest that is created from something: its name stands for {}."""


def wizard(known: Known, kind: str = "", name: str = "") -> Form:
    """Return the form that creates a guest; from a release, an image, its profile or a medium, if
    one is named."""
    given = {"kind": JAIL, "source": IMAGE, "ssh keys": "\n".join(known.keys[:1])}
    given |= {path: name if text == "{}" else text for path, text in FROM.get(kind, {}).items()}
    sections = partial(_sections, known)
    draft = Draft([], given)
    draft.sections = sections(draft)
    return Form(
        "Create a guest", known.host, draft, partial(_order, known), label="create",
        verb="create", file=True,
        anew=sections, steers=_steers, needs_change=False,
    )  # fmt: skip


def _steers(path: str) -> bool:
    return path in ("kind", "source", "image", "size", "network") or path.endswith(
        (f".{NEW}", f".{REMOVED}")
    )


# ---- the steps ----


def _sections(known: Known, draft: Draft) -> list[Section]:
    """Return the steps for what is typed."""
    return STEPS[draft.value("kind")](known, draft)


def _jail_steps(known: Known, draft: Draft) -> list[Section]:
    return [_jail(known), _jail_size(), _network(known, draft), _boot()]


def _vm_steps(known: Known, draft: Draft) -> list[Section]:
    steps = [_vm(known, draft), _vm_size(known, draft), *_disks(draft), _network(known, draft)]
    return [*steps, *_login(known, draft), _boot()]


STEPS = {JAIL: _jail_steps, VM: _vm_steps}


def _fields(*inputs: Input) -> tuple[FormField, ...]:
    return tuple(one.field for one in inputs)


def _choice(path: str, help: str, choices: tuple[str, ...]) -> Input:
    return Input(
        FormField(path, path, help, " | ".join(choices), control=Control.CHOICE, choices=choices,
                  required=True, check=printable)
    )  # fmt: skip


def _name(known: Known) -> Input:
    names = checked(GuestName)

    def check(text: str) -> str:
        return names(text) or (f"there is a guest {text} already" if text in known.guests else "")

    name = word_of("name", "Name of the guest.", GuestName)
    return replace(name, field=replace(name.field, check=check))


KIND = _choice("kind", "Kind of guest: a jail, or a virtual machine.", KINDS)
RELEASE = Input(
    replace(option_of(Jail, "release").field, required=False,
            help="Release that its root is created from; downloaded if it is missing. By default"
                 " the host's."),
    "--release",
)  # fmt: skip
SOURCE = _choice(
    "source", "What its first disk begins with: an image, an empty disk and an ISO to install"
    " from, or an empty disk alone.", (IMAGE, ISO, EMPTY),
)  # fmt: skip
SYSTEM = word_of(
    "os", "Operating system to install, such as windows or opnsense: its defaults apply.",
    option="--os", required=False,
)  # fmt: skip
ISO_FILE = word_of("iso", "Medium, or ISO file of the host.", option="--iso", names=Names.MEDIUM)
THICK = Input(
    FormField("thick", "thick", "Make a full copy instead of a clone.", "yes | no",
              control=Control.CHOICE, choices=(NO, YES), default=NO, check=printable),
    "--thick",
)  # fmt: skip
POOL = word_of("pool", "Pool to create it on; by default the first.", option="--pool",
               required=False, names=Names.POOL)  # fmt: skip
CPUS = option_of(Vm, "cpus")
MEMORY = option_of(Vm, "memory")
DISK = replace(option_of(Disk, "size", "--disk"), field=replace(
    property_of(Disk, "size", at="disk"), label="disk", help=f"Size of {FIRST_DISK}; by default"
    " that of the size profile, or of the image if that is greater.", required=False))  # fmt: skip
BUS = option_of(Disk, "bus")
LOADER = option_of(Vm, "loader")
CPUSET = option_of(GuestSpec, "cpuset")
PLACEMENT = option_of(GuestSpec, "placement")
JAIL_CPUS = option_of(Jail, "cpus")
ADDRESS = option_of(Nic, "address")
ADDRESS6 = option_of(Nic, "address6")
HOSTNAME = option_of(GuestSpec, "hostname")
USER = option_of(CloudInit, "user")
AUTO = option_of(Boot, "auto", "--autostart")
TAGS = word_of("tags", "Tags to select it by, one a line.", TagName, option="--tag",
               required=False, many=True, names=Names.TAG)  # fmt: skip
LIMITS = tuple(
    replace(property_of(JailLimits, name, at=f"limits.{name}"), label=name, required=False)
    for name in ("memoryuse", "pcpu", "maxproc")
)
QUOTA = replace(property_of(Jail, "quota"), required=False)
KEYS = word_of("ssh keys", "Public SSH keys of the user, one a line.", SshKey, required=False,
               many=True)  # fmt: skip


def _jail(known: Known) -> Section:
    return Section("guest", _fields(KIND, _name(known), RELEASE), "What is to be created.")


def _vm(known: Known, draft: Draft) -> Section:
    offers = tuple(dict.fromkeys((*known.images, *known.profiles)))
    image = word_of("image", "Image of its first disk; a profile's is downloaded if it is missing.")
    image = replace(image, field=replace(image.field, offers=offers))
    source = {IMAGE: (image,), ISO: (ISO_FILE, SYSTEM)}.get(draft.value("source"), ())
    size = word_of("size", "Size profile: its CPUs, memory and disk.", SizeName, option="--size",
                   required=False)  # fmt: skip
    size = replace(size, field=replace(size.field, default=SMALL, offers=tuple(known.sizes)))
    fields = _fields(KIND, _name(known), SOURCE, *source, size)
    return Section("guest", fields, "What is to be created.")


def _vm_size(known: Known, draft: Draft) -> Section:
    """Return the step of the size, with what the size profile has as defaults."""
    size = known.sizes.get(draft.value("size").strip() or SMALL)
    has = {"cpus": size.cpus, "memory": size.memory, "disk": size.disk} if size else {}
    fields = _fields(CPUS, MEMORY, DISK, BUS, LOADER, CPUSET, PLACEMENT, THICK, POOL)
    return Section(
        "size",
        tuple(replace(one, default=str(has.get(one.path, one.default))) for one in fields),
    )


def _jail_size() -> Section:
    return Section("size", (*LIMITS, QUOTA, *_fields(CPUSET, PLACEMENT, JAIL_CPUS, THICK, POOL)))


def _disks(draft: Draft) -> list[Section]:
    """Return the further disks, and where one is added."""
    kind = fields_of(Vm)[DISKS]
    item = struct_of(item_of(kind.type))
    assert item is not None
    found = [
        section
        for section in draft.sections
        if section.new and draft.value(f"{section.element}.{REMOVED}") != YES
    ]
    if draft.value(f"{DISKS}.{NEW}") == YES:
        draft.set(f"{DISKS}.{NEW}", NO)
        taken = [FIRST_DISK, *(section.element.split(".")[1] for section in found)]
        section = element_section(kind, item, new_part(kind, item, taken))
        found.append(replace(section, fields=tuple(map(_of_new, section.fields)), new=True))
    another = FormField(
        f"{DISKS}.{NEW}", NEW, "Add another disk.", "yes | no", control=Control.CHOICE,
        choices=(NO, YES), default=NO, check=printable,
    )  # fmt: skip
    return [*found, Section("disks", (another,), "Further disks.")]


def _of_new(one: FormField) -> FormField:
    if one.of is None:
        return replace(one, live=None)
    return replace(one, live=None, check=property_of(Disk, one.of.name).check)


def _network(known: Known, draft: Draft) -> Section:
    network = word_of(
        "network", "Networks, one a line: an interface on each; `none` for no interface."
        " By default that of the host file.".replace("`", ""), option="--network", required=False,
        many=True, names=Names.NETWORK,
    )  # fmt: skip
    wanted = draft.value("network").split() or list(known.free)
    free = ", ".join(f"{known.free[name]} on {name}" for name in wanted if name in known.free)
    note = f" Next free: {free}." if free else ""
    address = replace(ADDRESS.field, help=ADDRESS.field.help + note)
    return Section("network", (network.field, address, *_fields(ADDRESS6, HOSTNAME)))


def _login(known: Known, draft: Draft) -> list[Section]:
    """Return the step of the seed for cloud-init, if the image reads one."""
    if draft.value("source") != IMAGE or draft.value("image").strip() in known.plain_images:
        return []
    return [Section("login", _fields(USER, KEYS))]


def _boot() -> Section:
    more = FormField(
        "properties", "properties", "Further properties, each as PROPERTY=VALUE on a line, such as"
        " description=web; bsdvirt properties lists them.", "PROPERTY=VALUE",
        control=Control.LINES, check=_assignments,
    )  # fmt: skip
    return Section("boot", (*_fields(AUTO, TAGS), more))


def _assignments(text: str) -> str:
    try:
        split_assignments(text.splitlines())
    except UsageError as error:
        return str(error)
    return ""


# ---- the command ----

OPTIONS: Sequence[Input] = (
    RELEASE, ISO_FILE, SYSTEM, THICK, POOL, CPUS, MEMORY, DISK, BUS, LOADER, CPUSET, PLACEMENT,
    ADDRESS, ADDRESS6, HOSTNAME, USER, AUTO, TAGS,
)  # fmt: skip


def _order(known: Known, draft: Draft) -> Order:
    """Return the command that creates what is typed."""
    shown = {one.path for one in draft.fields()}

    def value(path: str, one: FormField | None = None) -> str:
        found = one or draft.field(path)
        return found.normal(draft.value(path)) if found is not None and path in shown else ""

    words = ["create", draft.value("kind"), value("name")]
    options: list[str] = []
    for one in OPTIONS:
        if text := value(one.field.path, one.field):
            options += one.words(text)
    if image := value("image"):
        options += ["--image", image, *([] if image in known.images else ["--fetch"])]
    if size := value("size"):
        options += ["--size", size]
    networks = value("network").splitlines()
    options += [word for name in networks for word in _interface(name)]
    words += [f"{path}={text}" for path, text in _properties(draft, value)]
    also = Also("s", "create and start", ("--start",))
    return Order((*words, *options), also=also)


def _interface(name: str) -> tuple[str, ...]:
    return ("--no-network",) if name == "none" else ("--network", name)


def _properties(draft: Draft, value: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return what has no option of its own."""
    found: list[tuple[str, str]] = []
    for one in (*LIMITS, QUOTA):
        if text := value(one.path):
            found.append((one.path, text))
    for section in draft.sections:
        for one in section.fields if section.new else ():
            if one.of is not None and (text := value(one.path)):
                found.append((one.path, assigned(one.of, text)))
    if keys := value("ssh keys").splitlines():
        found.append(("cloud.ssh_keys", f"[{', '.join(flow(key) for key in keys)}]"))
    return [*found, *split_assignments(value("properties").splitlines())]
