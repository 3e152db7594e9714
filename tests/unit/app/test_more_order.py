"""boot.after among many guests."""

from __future__ import annotations

import time

from test_order import boot, found

from bsdvirt.guest.order import check_order


def test_many_layers_of_guests_take_no_time() -> None:
    """Every guest of a layer waits for every one of the layer below."""
    layers = 12
    after = {f"g{layer}_{n}": "" for layer in range(layers) for n in range(4)}
    for layer in range(1, layers):
        for n in range(4):
            after[f"g{layer}_{n}"] = " ".join(f"g{layer - 1}_{m}" for m in range(4))
    began = time.monotonic()
    check_order(found(web="", **after), "web", boot(f"g{layers - 1}_0"))
    assert time.monotonic() - began < 1.0
