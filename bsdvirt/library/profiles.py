"""Profiles by name: images to download, sizes and systems of virtual machines. The user's own
override those shipped under the same name."""

from __future__ import annotations

from collections.abc import Collection

from bsdvirt.bhyve.devices.tpm import PACKAGE, has_tpm
from bsdvirt.errors import HostError, NotFoundError
from bsdvirt.facts.vmm import read_emulator, read_tpm
from bsdvirt.host import tools
from bsdvirt.host.base import Host
from bsdvirt.host.fs import Fs
from bsdvirt.layout import PROFILE_DIRECTORY, SIZES_FILE, SYSTEMS_FILE
from bsdvirt.session.session import Session
from bsdvirt.spec.base import did_you_mean
from bsdvirt.spec.images import ImageProfile
from bsdvirt.spec.load import SpecT, decode, parse_yaml
from bsdvirt.spec.sizes import System, VmSize, load_named
from bsdvirt.spec.vm import Vm
from bsdvirt.templates import template_names, template_text

IMAGES = "images"
"""The directory of the image profiles shipped; the other profiles are in one file each."""
SUFFIX = ".yaml"


def image_names(fs: Fs) -> dict[str, bool]:
    """Return the names of image profiles, and whether each is the user's own. No file is read."""
    shipped = dict.fromkeys(_stems(template_names(IMAGES)), False)
    own = dict.fromkeys(_stems(fs.listdir(PROFILE_DIRECTORY)), True)
    return dict(sorted((shipped | own).items()))


def _stems(files: Collection[str]) -> list[str]:
    return [f.removesuffix(SUFFIX) for f in files if f.endswith(SUFFIX) and not f.startswith(".")]


def image_profile(fs: Fs, name: str) -> ImageProfile:
    """Return an image profile. Raises NotFoundError, UsageError for an error in the file."""
    known = image_names(fs)
    _need("profile", name, known, "bsdvirt image profiles")
    directory = PROFILE_DIRECTORY if known[name] else IMAGES
    path = f"{directory}/{name}{SUFFIX}"
    text = _user_file(fs, path) if known[name] else template_text(path)
    return decode(ImageProfile, parse_yaml(text, path), path)


def sizes(fs: Fs) -> dict[str, VmSize]:
    """Return all sizes by name. Raises UsageError for an error in the user's file."""
    return _named(fs, VmSize, "sizes.yaml", SIZES_FILE)


def size(fs: Fs, name: str) -> VmSize:
    """Return a size. Raises NotFoundError."""
    known = sizes(fs)
    _need("size", name, known, f"add it to {SIZES_FILE}")
    return known[name]


def system(fs: Fs, name: str) -> System:
    """Return a system. Raises NotFoundError, UsageError for an error in the user's file."""
    known = _named(fs, System, "systems.yaml", SYSTEMS_FILE)
    _need("system", name, known, f"add it to {SYSTEMS_FILE}")
    return known[name]


def host_has_tpm(host: Host) -> bool:
    """Return whether bhyve of this host has a TPM in software."""
    return host.fs.exists(tools.BHYVE) and read_tpm(host) and read_emulator(host.fs)


def system_notes(session: Session, wanted: System, vm: Vm) -> tuple[str, ...]:
    """Return notes on a new virtual machine for a system."""
    notes = tuple(wanted.notes)
    if vm.tpm == "swtpm" and not session.host.fs.exists(tools.SWTPM):
        return (*notes, f"its TPM needs the package {PACKAGE}: pkg install {PACKAGE}")
    if not wanted.tpm or has_tpm(vm):
        return notes
    lacks = "it has no TPM, which Windows 11 requires"
    if host_has_tpm(session.host):
        way = "tpm=swtpm provides one"
    else:
        way = "bhyve of this FreeBSD has none; Windows 10 and Server do not need one"
    return (*notes, f"{lacks}; {way}")


def _named(fs: Fs, cls: type[SpecT], shipped: str, own: str) -> dict[str, SpecT]:
    found = load_named(cls, template_text(shipped), shipped)
    return found | load_named(cls, _user_file(fs, own), own)


def _user_file(fs: Fs, path: str) -> str:
    """Return a file's text; empty where there is none. Raises HostError."""
    try:
        return fs.read_or(path)
    except OSError as error:
        raise HostError(f"{path}: {error.strerror}", "correct or remove the file") from None


def _need(what: str, name: str, known: Collection[str], hint: str) -> None:
    if name not in known:
        raise NotFoundError(f"no {what} {name}", did_you_mean(name, known) or hint)
