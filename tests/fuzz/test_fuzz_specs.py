"""Files and properties that others wrote: read, or refused in words; what is read is written and
read again as the same, and changed as a person would."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from fuzzing import cases
from fuzzspecs import JSON_NOISE, SCALARS, document, spoilt, struct

from bsdvirt.errors import BsdvirtError
from bsdvirt.host.sanitize import shown
from bsdvirt.spec.base import Spec
from bsdvirt.spec.edit import edit_yaml
from bsdvirt.spec.hostfile import HostFile
from bsdvirt.spec.identity import Identity
from bsdvirt.spec.images import ImageProfile
from bsdvirt.spec.jail import Jail
from bsdvirt.spec.load import (
    decode,
    dump,
    identity_from_json,
    identity_to_json,
    load_guest,
    load_hostfile,
    load_network,
    parse_yaml,
)
from bsdvirt.spec.network import Network
from bsdvirt.spec.paths import get_path, set_paths
from bsdvirt.spec.vm import Vm

Load = Callable[[str, str], Spec]


def _profile(text: str, source: str) -> ImageProfile:
    return decode(ImageProfile, parse_yaml(text, source), source)


FILES: dict[str, tuple[type[Spec], Load, int]] = {
    "jail": (Jail, load_guest, 300),
    "vm": (Vm, load_guest, 200),
    "network": (Network, load_network, 200),
    "host": (HostFile, load_hostfile, 100),
    "profile": (ImageProfile, _profile, 60),
}
SET_PATHS = (
    "description", "nics.0.mtu", "nics.1.network", "nics.0.address", "expose", "limits.pcpu",
    "mtu", "pools", "addresses.0", "parallel", "mounts.a.source", "mounts.0.target", "config",
    "disks.disk0.size", "disks.0.bus", "hooks.started.guest", "params.allow.mount", "cloud.user",
    "boot.budget", "datasets.d.quota", "exec.start", "resolver.servers", "nics." + "9" * 4400, "",
)  # fmt: skip


def _in_words(error: BsdvirtError, case: str) -> None:
    assert "\n" not in error.message, f"{case}: several lines: {error.message!r}"
    assert shown(error.message) == error.message, f"{case}: controls: {error.message!r}"


@pytest.mark.parametrize("kind", FILES)
def test_files(kind: str) -> None:
    cls, load, few = FILES[kind]
    accepted = 0
    for case, dice in cases(few, kind):
        text = document(dice, cls)
        try:
            spec = load(text, f"{kind}.yaml")
        except BsdvirtError as error:
            _in_words(error, case)
            continue
        except Exception as error:
            pytest.fail(f"{case}: {type(error).__name__}: {error}: {text[:300]!r}")
        accepted += 1
        assert load(dump(spec), "again") == spec, f"{case}: another after it was written"
        _change(case, dice, text, spec, load)
    print(kind, "accepted", accepted)
    assert accepted


def _change(case: str, dice: random.Random, text: str, spec: Spec, load: Load) -> None:
    """As `set` does: the value, and the file with its comments."""
    path = dice.choice(SET_PATHS)
    word = dice.choice([one for one in SCALARS if isinstance(one, str)])
    try:
        wanted = set_paths(spec, [(path, word)])
        get_path(wanted, path)
        edited = edit_yaml(text, spec, wanted)
        assert load(edited, "edited") == wanted, f"{case}: {path}={word!r}: the file says another"
    except BsdvirtError as error:
        _in_words(error, case)
    except AssertionError:
        raise
    except Exception as error:
        pytest.fail(f"{case}: {path}={word[:60]!r}: {type(error).__name__}: {error}")


def test_identities() -> None:
    for case, dice in cases(500, "identity"):
        made: Any = struct(dice, Identity)
        text = json.dumps(made)
        if dice.random() < 0.4:
            text = spoilt(dice, text, JSON_NOISE)
        try:
            identity = identity_from_json(text)
            assert identity_from_json(identity_to_json(identity)) == identity, case
        except BsdvirtError as error:
            _in_words(error, case)
        except AssertionError:
            raise
        except Exception as error:
            pytest.fail(f"{case}: {type(error).__name__}: {error}: {text[:300]!r}")
