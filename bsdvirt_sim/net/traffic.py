"""`netstat -ibn --libxo json`: what each interface has received and sent (captures/02-ifconfig)."""

from __future__ import annotations

import ipaddress

from bsdvirt_sim.context import Run
from bsdvirt_sim.kernel import accounting
from bsdvirt_sim.libxo import quoted
from bsdvirt_sim.net.ifshow import flags, stack
from bsdvirt_sim.state import Inet, Interface

_FLAGS = 0xFFFF
"""getifaddrs(3) gives the lower half of the flags."""


def interfaces(run: Run, name: str = "") -> int:
    """Print a row for each interface of the host, or for one, and for each of its addresses."""
    run.reads()
    rows: list[str] = []
    counted = accounting.Traffic(run)
    for face in stack(run, 0):
        if name and face.name != name:
            continue
        received, sent = counted.of(face)
        shown = f'"name":{quoted(face.name)},"flags":"{flags(run, face) & _FLAGS:#x}"'
        rows.append(f"{{{shown},{_link(face, received, sent)}}}")
        rows += [f"{{{shown},{_address(one, received, sent)}}}" for one in face.addresses]
    run.print('{"statistics": {"interface": [' + ", ".join(rows) + "]}}")
    return 0


def _link(face: Interface, received: int, sent: int) -> str:
    return ",".join(
        (
            f'"mtu":{face.mtu}',
            f'"network":"<Link#{face.index}>"',
            f'"address":"{face.mac or face.name}"',
            f'"received-packets":{received // accounting.PACKET}',
            '"received-errors":0,"dropped-packets":0',
            f'"received-bytes":{received}',
            f'"sent-packets":{sent // accounting.PACKET}',
            f'"send-errors":0,"sent-bytes":{sent},"collisions":0',
        )
    )


def _address(address: Inet, received: int, sent: int) -> str:
    bare = address.address.partition("%")[0]
    network = ipaddress.ip_network(f"{bare}/{address.prefix}", strict=False)
    return ",".join(
        (
            f'"network":"{network}","address":"{address.address}"',
            f'"received-packets":{received // accounting.PACKET}',
            f'"received-bytes":{received}',
            f'"sent-packets":{sent // accounting.PACKET}',
            f'"sent-bytes":{sent}',
        )
    )
