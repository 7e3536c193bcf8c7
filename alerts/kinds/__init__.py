"""Rule kinds: one file each, all of the shape of `base.Kind`. A rule names its kind by the key in KINDS."""

from __future__ import annotations

from . import improbable, sustained, threshold
from .base import Kind

KINDS: dict[str, Kind] = {
    "threshold": threshold.Threshold(),
    "sustained": sustained.Sustained(),
    "improbable": improbable.Improbable(),
}
