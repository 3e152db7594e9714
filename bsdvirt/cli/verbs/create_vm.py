"""bsdvirt create vm"""

from __future__ import annotations

import argparse
import os
from typing import Any

from bsdvirt.bhyve.volumes import whole
from bsdvirt.cli.create_common import (
    CreateOptions,
    add_guest_options,
    add_names,
    add_pool,
    create,
    nics_of,
    provided,
    wanted,
)
from bsdvirt.cli.flags import add_property
from bsdvirt.cli.output import say
from bsdvirt.errors import EXIT_OK, NotFoundError, UsageError
from bsdvirt.host.beneath import READ_LIMIT, read_regular
from bsdvirt.library import images, media, profiles
from bsdvirt.library.files import absolute
from bsdvirt.ops.create.vm import VmOrder
from bsdvirt.session.session import Session
from bsdvirt.spec.load import decode
from bsdvirt.spec.paths import set_paths
from bsdvirt.spec.sizes import System, VmSize
from bsdvirt.spec.vm import FIRST_DISK, Vm

DEFAULT_SIZE = "small"
DRIVE = "cd"


class Options(CreateOptions):
    size: str | None
    os: str | None
    cpus: int | None
    memory: str | None
    disk: str | None
    bus: str | None
    loader: str | None
    image: str | None
    fetch: bool
    iso: list[str] | None
    vnc: bool | None
    ssh_key: list[str] | None
    user: str | None
    user_data: str | None


def arguments(parser: argparse.ArgumentParser) -> None:
    add_names(parser, "vm", "a virtual machine", "bsdvirt properties vm")
    parser.add_argument(
        "--size", metavar="PROFILE",
        help=f"small, medium, large or one of your own (default {DEFAULT_SIZE})",
    )  # fmt: skip
    parser.add_argument(
        "--os",
        metavar="SYSTEM",
        help="operating system to install: windows, opnsense, or one of your own",
    )
    of_disk = f"of {FIRST_DISK}"
    add_property(parser, Vm, "cpus", default=False)
    add_property(parser, Vm, "memory")
    add_property(parser, Vm, "disks.size", "--disk", note=of_disk)
    add_property(parser, Vm, "disks.bus", note=of_disk)
    add_property(parser, Vm, "loader")
    parser.add_argument("--image", metavar="NAME", help="create the disk from an image")
    parser.add_argument(
        "--fetch", action="store_true",
        help="download the image by the profile of its name if it is missing",
    )  # fmt: skip
    parser.add_argument("--thick", action="store_true", help="copy the image instead of cloning it")
    add_pool(parser)
    parser.add_argument(
        "--iso", action="append", metavar="FILE",
        help="medium or file for a CD drive; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--vnc", action=argparse.BooleanOptionalAction,
        help="a framebuffer on VNC at 127.0.0.1 (default with --iso and UEFI)",
    )  # fmt: skip
    cloud = parser.add_argument_group("cloud-init")
    cloud.add_argument(
        "--ssh-key", action="append", metavar="FILE", help="file with a public key; may be repeated"
    )
    add_property(cloud, Vm, "cloud.user")
    cloud.add_argument("--user-data", metavar="FILE", help="file with your own user-data")
    add_guest_options(parser, Vm)


def run(options: Options) -> int:
    new = wanted(options, "vm")
    session = new.session
    system = profiles.system(session.host.fs, options.os) if options.os is not None else None
    if _fetched(session, options):
        # The rest cannot be shown before the image is there: its size decides.
        say(f"then {', '.join(new.names)}, from the image {options.image}")
        return EXIT_OK
    vm = _vm(session, options, system, new.settings)
    coming = False
    if vm.image and not options.thick:
        source = images.provide(session, str(vm.image), new.pool or session.layout)
        coming = provided(options, f"image {vm.image} copied", source)
    notes = profiles.system_notes(session, system, vm) if system else ()
    order = VmOrder(vm, options.thick, notes)
    return create(options, new, order, coming=coming, screen=vm.vnc.enabled)


def _fetched(session: Session, options: Options) -> bool:
    """Download the image if it is missing, with --fetch. Return whether that was only shown. Raises
    UsageError without --image."""
    if not options.fetch:
        return False
    if options.image is None:
        raise UsageError("--fetch goes with --image", "omit it")
    if images.exists(session, options.image):
        return False
    from bsdvirt.library import image_fetch

    image_fetch.fetch(session, options.image)
    return options.dry_run


def _vm(
    session: Session,
    options: Options,
    system: System | None,
    assignments: list[tuple[str, str]],
) -> Vm:
    """Return the virtual machine that the options and properties describe; properties override
    options."""
    size: VmSize | System = system or profiles.size(session.host.fs, DEFAULT_SIZE)
    if options.size is not None:
        size = profiles.size(session.host.fs, options.size)
    image = _image(session, options)
    settings: dict[str, Any] = {
        "kind": "vm",
        "cpus": size.cpus if options.cpus is None else options.cpus,
        "memory": int(size.memory) if options.memory is None else options.memory,
    }
    if image is not None:
        settings["image"] = image.base.name
        if image.image.loader:
            settings["loader"] = image.image.loader
    for word in ("loader", "cpuset", "placement", "hostname"):
        if (value := getattr(options, word)) is not None:
            settings[word] = value
    settings["disks"] = [_disk(options, size, image)]
    if nics := nics_of(session, options):
        settings["nics"] = nics
    if options.iso is not None:
        settings["cdroms"] = [
            {"name": f"{DRIVE}{number}", **media.resolve(session, iso)}
            for number, iso in enumerate(options.iso)
        ]
    uefi = settings.get("loader", "uefi") == "uefi"
    if options.vnc or (options.vnc is None and options.iso and uefi):
        settings["vnc"] = {"enabled": True}
    if cloud := _cloud(session, options, image):
        settings["cloud"] = cloud
    if system is not None:
        _suit(settings, system, options)
        if system.tpm and profiles.host_has_tpm(session.host):
            settings["tpm"] = "swtpm"
    return set_paths(decode(Vm, settings, "create"), assignments)


def _suit(settings: dict[str, Any], system: System, options: Options) -> None:
    """Apply the settings of an operating system, unless an option overrides them. Raises UsageError
    if it needs more interfaces."""
    if options.bus is None:
        settings["disks"][0]["bus"] = system.bus
    settings["clock"] = system.clock
    nics = settings.get("nics", [])
    if not options.no_network and len(nics) < system.interfaces:
        raise UsageError(
            f"--os {options.os}: it has {system.interfaces} interfaces",
            "--network LAN --network WAN, each a network of `bsdvirt network ls`",
        )
    for nic in nics:
        nic |= {"model": system.model}
        if system.address == "none":
            nic |= {key: "none" for key in ("address", "address6") if key not in nic}
    if system.screen and options.vnc is None and settings.get("loader", "uefi") == "uefi":
        settings["vnc"] = {"enabled": True} | (
            {"wait": True} if system.wait and options.iso else {}
        )


def _image(session: Session, options: Options) -> images.Found | None:
    if options.image is None:
        if options.thick:
            raise UsageError("--thick goes with --image", "omit it")
        return None
    try:
        return images.find(session, session.inventory(), options.image)
    except NotFoundError as error:
        if options.image in profiles.image_names(session.host.fs):
            error.hint = f"bsdvirt image fetch {options.image}"
        raise


def _disk(options: Options, size: VmSize | System, image: images.Found | None) -> dict[str, Any]:
    """Return the first disk: of the given size, by default at least that of its image."""
    wanted: str | int = int(size.disk) if options.disk is None else options.disk
    if image is not None and options.disk is None:
        wanted = max(int(size.disk), whole(image.base.size))
    disk: dict[str, Any] = {"name": FIRST_DISK, "size": wanted}
    return disk | ({"bus": options.bus} if options.bus else {})


def _cloud(session: Session, options: Options, image: images.Found | None) -> dict[str, Any]:
    """Return the settings of the guest's seed; none if it needs none."""
    cloud: dict[str, Any] = {}
    if options.ssh_key:
        cloud["ssh_keys"] = [line for path in options.ssh_key for line in _keys(session, path)]
    if options.user is not None:
        cloud["user"] = options.user
    if options.user_data is not None:
        cloud["user_data"] = _text(session, options.user_data)
    about = image.image if image is not None else None
    if not cloud and not (about is not None and about.cloud_init):
        return {}
    if about is not None:
        cloud["system"] = about.system
        if about.user and not options.user_data:
            cloud.setdefault("user", about.user)
    return cloud


def _keys(session: Session, path: str) -> list[str]:
    """Return the keys in a file, one per line. Raises UsageError."""
    lines = [line.strip() for line in _text(session, path).splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise UsageError(f"{path}: contains no key", "give a file such as ~/.ssh/id_ed25519.pub")
    return found


def _text(session: Session, path: str) -> str:
    """Return the text of a file of the host. Raises UsageError."""
    place = session.host.fs.path(absolute(os.path.expanduser(path)))
    try:
        return read_regular(place, READ_LIMIT).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", "name an existing file") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not text", "name a text file") from None
