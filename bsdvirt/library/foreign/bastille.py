"""Bastille's jails: their directory, and the tar archives that `bastille export` makes. Pure.

Read for this: Bastille 1.4.4 and its main branch of August 2026 (export.sh, import.sh, create.sh,
lib/network.sh, limits.sh). A jail is a directory with jail.conf, fstab, settings.conf, perhaps
rctl.conf, cpuset.conf and rdr.conf, and the root in root/; an archive has that directory in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bsdvirt.errors import UsageError
from bsdvirt.library.foreign import assignments, jailconf, params, rcconf, rctl
from bsdvirt.library.foreign.found import Draft, Found, Part, truth
from bsdvirt.spec.base import BadValueError
from bsdvirt.spec.expose import Expose

TOOL = "bastille"
CONFIG = "jail.conf"
ROOT = "root"
FILES = (
    CONFIG,
    "fstab",
    "settings.conf",
    "rctl.conf",
    "cpuset.conf",
    "rdr.conf",
    "root/etc/rc.conf",
)
"""What is read, relative to the jail's directory."""
HOME = "/usr/local/bastille/jails"
OWN_RULESET = "13"
"""bastille_vnet in /etc/devfs.rules, which `bastille setup` writes."""
BASE = "/.bastille"


def read(files: Mapping[str, str], source: str, name: str = "") -> Found:
    """Return the jail whose files these are. Raise UsageError for a jail.conf that does not
    parse, or has no jail in it."""
    blocks = jailconf.read(files.get(CONFIG, ""), f"{source}: {CONFIG}")
    there = jailconf.names(blocks)
    if not there:
        raise UsageError(f"{source}: its {CONFIG} describes no jail", "see jail.conf(5)")
    name = name if name in there else there[0]
    found = dict(jailconf.params_of(blocks, name, source))
    if found.get("devfs_ruleset") == [OWN_RULESET]:
        del found["devfs_ruleset"]
    draft = Draft()
    params.take(draft, found, files.get("fstab", ""))
    rcconf.take(draft, assignments.read(files.get("root/etc/rc.conf", ""), f"{source}: rc.conf"))
    _settings(draft, assignments.read(files.get("settings.conf", ""), f"{source}: settings.conf"))
    rctl.take_rules(draft, files.get("rctl.conf", ""))
    if words := files.get("cpuset.conf", "").split():
        draft.cpuset(words[-1])
    for line in files.get("rdr.conf", "").splitlines()[:64]:
        _expose(draft, line)
    if any(mount.get("target") == BASE for mount in draft.mounts):
        draft.note(
            "a thin jail: its base system is mounted from a release of Bastille, which must stay;"
            " `bastille convert` made it a thick one"
        )
    return draft.found(TOOL, name, "jail", Part(ROOT))


def _settings(draft: Draft, settings: Mapping[str, str]) -> None:
    draft.auto = bool(truth(settings.get("boot", "off")))
    draft.after += settings.get("depend", "").replace(",", " ").split()


def _expose(draft: Draft, line: str) -> None:
    """Take a line of rdr.conf: dual|ipv4|ipv6, any or an interface, source, destination,
    protocol, port of the host, port of the jail; older files begin with the protocol."""
    words = line.split()
    ends = [i for i, word in enumerate(words) if word in ("tcp", "udp")]
    if not words or not ends:
        return
    rest = words[ends[-1] :]
    match = re.fullmatch(r"(tcp|udp) (\d{1,5}) (\d{1,5})( .*)?", " ".join(rest), re.ASCII)
    if match is None:
        draft.drop("rdr", line)
        return
    try:
        text = str(Expose.parse(f"{match[1]}:{match[2]}:{match[3]}"))
    except BadValueError:
        draft.drop("rdr", line)
        return
    if text not in draft.settings.setdefault("expose", []):
        draft.settings["expose"].append(text)
