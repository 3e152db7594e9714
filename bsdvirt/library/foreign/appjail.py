"""AppJail's jails: jail/ and conf/ in the jail's directory, and the tar archives of both. Pure.

Read for this: AppJail 5.4.0 (cmd/jail: export+root, import+root; cmd/start; appjail-config). The
template conf/template.conf has a parameter of jail(8) a line, `name: value`; conf/fstab is made
from the jail's mounts at each start; conf/config.conf says release and type. A portable archive
has jail/, init and conf/config.conf only, and one of export+jail the root alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bsdvirt.library.foreign import assignments, params, rcconf
from bsdvirt.library.foreign.found import Draft, Found, Part, shown

TOOL = "appjail"
CONFIG = "conf/config.conf"
TEMPLATE = "conf/template.conf"
ROOT = "jail"
FILES = (CONFIG, TEMPLATE, "conf/fstab", "jail/etc/rc.conf")
HOME = "/usr/local/appjail/jails"
KEYS = frozenset({"jail_type", "osversion", "osarch"})
_LINE = re.compile(r"\*?\s*([A-Za-z][A-Za-z0-9_.]*)\s*(\+)?\s*(?:[:=]\s*(.*))?", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,]+)')


def read(files: Mapping[str, str], source: str, name: str) -> Found:
    """Return the jail whose files these are; its name is that of its directory or archive.
    Raise UsageError for a file that is too long."""
    config = template(files.get(CONFIG, ""), f"{source}: {CONFIG}")
    found = template(files.get(TEMPLATE, ""), f"{source}: {TEMPLATE}")
    draft = Draft()
    if not found:
        # A portable archive: the default of AppJail's own is a jail without a network.
        draft.note("its template is not in the archive: it gets the defaults of a new jail")
        draft.settings["stack"] = "vnet"
    mounted = files.get("conf/fstab", "")
    root = _root_of(mounted)
    if found:
        params.take(draft, {**found, "path": [root]} if root else found, mounted)
    rcconf.take(draft, assignments.read(files.get("jail/etc/rc.conf", ""), f"{source}: rc.conf"))
    if "thin" in config.get("jail_type", []):
        draft.note(
            "a thin jail: its base system is mounted from a release of AppJail, at /.appjail,"
            " which must stay"
        )
    if version := "".join(config.get("osversion", [])[:1]):
        draft.note(f"its release was {shown(version)}")
    draft.note("limits, CPUs, exposed ports and start at boot are kept by AppJail elsewhere")
    return draft.found(TOOL, name, "jail", Part(ROOT))


def template(text: str, source: str) -> dict[str, list[str]]:
    """Return the parameters of a template of AppJail's. Raise UsageError for a file that is too
    long."""
    found: dict[str, list[str]] = {}
    for line in assignments.lines_of(text, source):
        match = _LINE.fullmatch(line.strip())
        if match is None or line.strip().startswith(("#", "$")):
            continue
        values = []
        for one in _QUOTED.finditer(match[3] or ""):
            value = re.sub(r"\\(.)", r"\1", one[1]) if one[1] is not None else one[2].strip()
            if value:
                values.append(value)
        found[match[1]] = [*found.get(match[1], []), *values] if match[2] else values
    return found


def _root_of(text: str) -> str:
    """Return the root that the mount points of its fstab begin with."""
    match = re.search(r"\s(/\S*/jails/[^/\s]+/jail)/", text)
    return match[1] if match else ""
