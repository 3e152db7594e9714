"""The tree of configuration that bhyve makes of its arguments, and of a file: written after
bhyve's own source (bhyverun.c, pci_emul.c, pci_lpc.c, and each device's legacy_config), and
after nothing of bsdvirt's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Tree = dict[str, str]
DEFAULTS = {"acpi_tables": "false", "memory.size": "256M", "x86.strictmsr": "true"}
"""set_defaults of 13.2's bhyverun.c."""
FLAGS = {
    "-A": ("acpi_tables", "true"),
    "-H": ("x86.vmexit_on_hlt", "true"),
    "-P": ("x86.vmexit_on_pause", "true"),
    "-S": ("memory.wired", "true"),
    "-u": ("rtc.use_localtime", "false"),
    "-w": ("x86.strictmsr", "false"),
    "-Y": ("x86.mptable", "false"),
}
VALUES = {"-K": "keyboard.layout", "-m": "memory.size", "-U": "uuid"}
ALIASES = {"ahci-hd": "ahci", "ahci-cd": "ahci", "amd_hostbridge": "hostbridge"}


def of_file(text: str) -> Tree:
    """-k: the last line of a key counts."""
    tree = dict(DEFAULTS)
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        key, equals, value = line.partition("=")
        assert equals, line
        assert value, line
        tree[key] = value
    return tree


def of_arguments(argv: Sequence[str], era: int = 13) -> Tree:
    """The arguments of bhyve; `era` 15 knows firmware by other names."""
    tree = dict(DEFAULTS)
    words = iter(argv)
    for word in words:
        if word in FLAGS:
            key, value = FLAGS[word]
            tree[key] = value
        elif word in VALUES:
            tree[VALUES[word]] = next(words)
        elif word == "-o":
            key, _, value = next(words).partition("=")
            tree[key] = value
        elif word == "-c":
            tree |= dict(_topology(next(words)))
        elif word == "-p":
            vcpu, _, cpu = next(words).partition(":")
            key = f"vcpu.{vcpu}.cpuset"
            tree[key] = f"{tree[key]},{cpu}" if key in tree else cpu
        elif word == "-l":
            tree |= dict(_lpc(next(words), era))
        elif word == "-s":
            node, pairs = _slot(next(words))
            assert f"{node}.device" not in tree, f"{node} is occupied"
            tree |= {f"{node}.{key}": value for key, value in pairs}
        else:
            assert not word.startswith("-"), word
            tree["name"] = word
    return tree


def _topology(text: str) -> Iterator[tuple[str, str]]:
    """topology_parse: every one it does not name is 1."""
    named = {"sockets": "1", "cores": "1", "threads": "1", "cpus": "1"}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        named |= {key: value} if equals else {"cpus": key}
    yield from named.items()


def _lpc(text: str, era: int) -> Iterator[tuple[str, str]]:
    device, _, rest = text.partition(",")
    if device == "bootrom":
        rom, _, variables = rest.partition(",")
        prefix = "" if era >= 15 else "lpc."
        yield f"{prefix}bootrom", rom
        if variables:
            yield f"{prefix}bootvars", variables
    else:
        assert re.fullmatch("com[1-4]", device)
        yield f"lpc.{device}.path", rest


def _slot(text: str) -> tuple[str, list[tuple[str, str]]]:
    where, _, rest = text.partition(",")
    device, _, conf = rest.partition(",")
    numbers = [int(number) for number in where.split(":")]
    numbers = [0] * (3 - len(numbers)) + numbers if len(numbers) != 1 else [0, numbers[0], 0]
    pairs = [("device", ALIASES.get(device, device))]
    if device == "amd_hostbridge":
        pairs += [("vendor", "0x1022"), ("devid", "0x7432")]
    elif device == "ahci":
        pairs += _ports(conf)
    elif device in ("virtio-blk", "nvme"):
        pairs += _first("path", conf)
    elif device in ("virtio-net", "e1000"):
        pairs += _first("backend", conf)
    elif device == "xhci":
        for number, model in enumerate(conf.split(","), 1):
            pairs.append((f"slot.{number}.device", model))
    elif conf:
        pairs += _pairs(conf)
    return "pci." + ".".join(map(str, numbers)), pairs


def _pairs(text: str) -> list[tuple[str, str]]:
    """pci_parse_legacy_config: a word without a value is true."""
    found = []
    for word in text.split(","):
        key, equals, value = word.partition("=")
        found.append((key, value if equals else "true"))
    return found


def _first(key: str, text: str) -> list[tuple[str, str]]:
    """blockif_legacy_config and netbe_legacy_config: the first word has no name."""
    value, comma, rest = text.partition(",")
    return [(key, value), *(_pairs(rest) if comma else [])]


def _ports(text: str) -> list[tuple[str, str]]:
    """pci_ahci_legacy_config: each hd: or cd: is the next port; an empty one is passed over."""
    found: list[tuple[str, str]] = []
    for port, part in enumerate(re.split(r",(?=hd:|cd:)", text)):
        kind, _, conf = part.partition(":")
        assert kind in ("hd", "cd")
        if conf:
            found += [(f"port.{port}.{key}", v) for key, v in
                      [("type", kind), *_first("path", conf)]]  # fmt: skip
    return found
