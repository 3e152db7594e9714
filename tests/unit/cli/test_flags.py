"""Options that are made from the declarations of properties."""

from __future__ import annotations

import argparse
from typing import get_args

import pytest

from bsdvirt.cli.flags import add_properties, add_property, given
from bsdvirt.spec.fields import fields_of
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.vm import Bus, Disk, Vm, VmNic


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(allow_abbrev=False)


def test_an_option_has_the_choices_of_its_property() -> None:
    parser = _parser()
    add_property(parser, Vm, "disks.bus")
    for bus in get_args(Bus):
        assert parser.parse_args(["--bus", bus]).bus == bus
    with pytest.raises(SystemExit):
        parser.parse_args(["--bus", "ide"])


def test_an_option_has_the_help_range_and_default_of_its_property() -> None:
    parser = _parser()
    add_property(parser, Vm, "nics.mtu")
    add_property(parser, Vm, "stop.timeout", "--stop-timeout")
    text = " ".join(parser.format_help().split())
    assert "--mtu BYTES" in text
    assert "72..65535" in text
    assert "--stop-timeout SECONDS" in text
    assert "default 60" in text


def test_a_property_that_is_not_there_has_no_option() -> None:
    with pytest.raises(LookupError, match="disks.buss"):
        add_property(_parser(), Vm, "disks.buss")


@pytest.mark.parametrize("device", [Disk, VmNic])
def test_a_device_has_an_option_for_each_property_that_is_one_value(device: type[Disk]) -> None:
    parser = _parser()
    add_properties(parser, device)
    known = {action.dest for action in parser._actions}
    lists = {"aliases", "routes"}
    assert known - {"help"} == set(fields_of(device)) - lists
    assert given(parser.parse_args([]), device) == {}


def test_what_is_given_is_plain_data_by_name() -> None:
    parser = _parser()
    add_properties(parser, Disk, without=("name",))
    words = ["--size", "2G", "--bus", "nvme", "--readonly"]
    assert given(parser.parse_args(words), Disk) == {"size": "2G", "bus": "nvme", "readonly": True}


def test_a_list_takes_its_option_several_times() -> None:
    parser = _parser()
    add_property(parser, Jail, "nics.network", repeat=True)
    assert parser.parse_args(["--network", "a", "--network", "b"]).network == ["a", "b"]
