"""Jails of a plain jail.conf(5): /etc/jail.conf and the files of /etc/jail.conf.d. Pure."""

from __future__ import annotations

from bsdvirt.errors import NotFoundError
from bsdvirt.library.foreign import assignments, jailconf, params, rcconf
from bsdvirt.library.foreign.found import Draft, Found, shown

TOOL = "jail.conf"
FILE = "/etc/jail.conf"
FOLDER = "/etc/jail.conf.d"


def params_in(text: str, source: str, name: str) -> dict[str, list[str]]:
    """Return the parameters of a jail. Raise NotFoundError if the file has none of that name."""
    blocks = jailconf.read(text, source)
    there = jailconf.names(blocks)
    if name not in there:
        known = ", ".join(shown(one) for one in there[:20]) or "none"
        raise NotFoundError(f"{source} has no jail {name}; it has: {known}", "name one of these")
    return jailconf.params_of(blocks, name, source)


def read(name: str, found: dict[str, list[str]], fstab_text: str, rc_conf: str) -> Found:
    """Return the jail with these parameters; `rc_conf` is that of its root."""
    draft = Draft()
    params.take(draft, found, fstab_text)
    rcconf.take(draft, assignments.read(rc_conf, "rc.conf"))
    return draft.found(TOOL, name, "jail")
