"""A patient's body by seed: what its vitals are at any moment. Pure; the same seed gives the same values.

Values stay inside ranges that no general rule alerts on; only scenarios leave them.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

_DAY_S = 86_400


def noise(*parts: object) -> float:
    """A number in [-1, 1) that depends on nothing but its arguments."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**63 - 1


def _between(low: float, high: float, *parts: object) -> float:
    return low + (high - low) * (noise(*parts) + 1) / 2


@dataclass(frozen=True, slots=True)
class Body:
    """Resting values of one patient; units: /min, %, mm[Hg], Cel, kg, mg/dL."""

    seed: int
    heart_rate: float
    spo2: float
    resp_rate: float
    systolic: float
    diastolic: float
    temperature: float
    weight: float
    glucose: float

    def _swing(self, name: str, t_s: float, daily: float, minutes: float, random: float) -> float:
        """Daily rhythm + waves of some minutes + noise, in the vital's own unit."""
        phase = noise(self.seed, name) * math.pi
        return (
            daily * math.sin(2 * math.pi * t_s / _DAY_S + phase)
            + minutes * math.sin(2 * math.pi * t_s / 420 + phase)
            + random * noise(self.seed, name, round(t_s * 10))
        )

    def heart_rate_at(self, t_s: float) -> int:
        """Beats a minute, 52 to 104."""
        return round(min(max(self.heart_rate + self._swing("hr", t_s, 4, 3, 2), 52), 104))

    def spo2_at(self, t_s: float) -> int:
        """Percent, 94 to 99 (COPD bodies rest lower: 89 to 92)."""
        low, high = (94, 99) if self.spo2 >= 94 else (89, 92)
        return round(min(max(self.spo2 + self._swing("spo2", t_s, 0.3, 0.5, 0.6), low), high))

    def resp_rate_at(self, t_s: float) -> int:
        """Breaths a minute, 12 to 20."""
        return round(min(max(self.resp_rate + self._swing("rr", t_s, 1, 1, 1), 12), 20))

    def pressure_at(self, t_s: float) -> tuple[int, int]:
        """Systolic and diastolic, 102-152 over 60-88."""
        systolic = min(max(self.systolic + self._swing("sbp", t_s, 5, 2, 4), 102), 152)
        diastolic = min(max(self.diastolic + self._swing("dbp", t_s, 3, 2, 3), 60), 88)
        return round(systolic), round(diastolic)

    def temperature_at(self, t_s: float) -> float:
        """Degrees Celsius, 36.2 to 37.4."""
        return round(min(max(self.temperature + self._swing("temp", t_s, 0.25, 0.05, 0.1), 36.2), 37.4), 1)

    def weight_at(self, t_s: float) -> float:
        """Kilograms, within 0.4 of the resting weight: no weight rule sees a gain."""
        return round(self.weight + self._swing("weight", t_s, 0.15, 0, 0.2), 2)

    def glucose_at(self, t_s: float) -> int:
        """Capillary glucose, mg/dL, 88 to 168."""
        return round(min(max(self.glucose + self._swing("glucose", t_s, 15, 2, 8), 88), 168))


def body(seed: int, *, copd: bool = False) -> Body:
    """The body of a seed."""
    return Body(
        seed=seed,
        heart_rate=_between(60, 88, seed, "hr0"),
        spo2=90.5 if copd else _between(95.8, 97.8, seed, "spo20"),
        resp_rate=_between(14, 18, seed, "rr0"),
        systolic=_between(112, 142, seed, "sbp0"),
        diastolic=_between(66, 82, seed, "dbp0"),
        temperature=_between(36.5, 37.0, seed, "temp0"),
        weight=_between(54, 98, seed, "weight0"),
        glucose=_between(105, 140, seed, "glucose0"),
    )
