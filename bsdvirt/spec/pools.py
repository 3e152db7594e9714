"""The file of a pool other than the one that the host file names."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.spec.base import Live, Spec, prop
from bsdvirt.spec.types import AbsolutePath, DatasetName


class PoolFile(Spec, frozen=True, kw_only=True):
    """Another pool that guests are created on."""

    dataset: Annotated[DatasetName, prop("The dataset that holds its guests.", live=Live.NEVER)]
    mountpoint: Annotated[AbsolutePath, prop("Mount point of the dataset.", live=Live.NEVER)]
