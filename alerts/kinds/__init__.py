"""Rule kinds: one file each, all of the shape of `base.Kind`. A rule names its kind by the key in KINDS."""

from __future__ import annotations

from . import absence, delta, score, signals, sustained, technical, threshold
from .base import Kind

KINDS: dict[str, Kind] = {
    "threshold": threshold.Threshold(signals.Limits()),
    "sustained": sustained.Sustained(signals.Limits()),
    "delta": delta.Delta(),
    "absence": absence.Absence(),
    "score": score.Score(),
    **technical.KINDS,
}

__all__ = ["KINDS", "Kind"]
