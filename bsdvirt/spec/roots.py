"""The file of a root on another pool: where guests lie besides the host file's own dataset."""

from __future__ import annotations

from typing import Annotated

from bsdvirt.spec.base import Live, Spec, prop
from bsdvirt.spec.types import AbsolutePath, DatasetName


class RootFile(Spec, frozen=True, kw_only=True):
    """A root on another pool."""

    dataset: Annotated[DatasetName, prop("The root dataset, on whatever pool.", live=Live.NEVER)]
    mountpoint: Annotated[AbsolutePath, prop("Where it is mounted.", live=Live.NEVER)]
