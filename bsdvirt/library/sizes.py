"""Sizes of virtual machines by name: those shipped, and the user's own."""

from __future__ import annotations

from bsdvirt.errors import HostError, NotFoundError
from bsdvirt.host.fs import Fs
from bsdvirt.layout import SIZES_FILE
from bsdvirt.spec.base import did_you_mean
from bsdvirt.spec.sizes import VmSize, load_sizes
from bsdvirt.templates import template_text

SHIPPED = "sizes.yaml"


def sizes(fs: Fs) -> dict[str, VmSize]:
    """All sizes by name; the user's replace those shipped. Raises UsageError for what is
    wrong in the user's file."""
    found = load_sizes(template_text(SHIPPED), SHIPPED)
    try:
        own = fs.read_or(SIZES_FILE)
    except OSError as error:
        raise HostError(f"{SIZES_FILE}: {error.strerror}", "mend or remove the file") from None
    return found | load_sizes(own, SIZES_FILE)


def size(fs: Fs, name: str) -> VmSize:
    """A size by name. Raises NotFoundError with those that there are."""
    known = sizes(fs)
    if name not in known:
        raise NotFoundError(
            f"no size {name}",
            did_you_mean(name, known) or f"add it to {SIZES_FILE}",
        )
    return known[name]
