"""NEWS2: the score of one set of observations, complete or partial. Pure.

The published score needs all seven parameters. A set that lacks some gets the points that are certain, what is
missing and the range in which the score lies; it never gets a total and is never called low risk.
Values are scored as given: how old a value may be and whether its reading counts is for the caller to decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from vitals.codes import CONSCIOUSNESS
from vitals.errors import OperatorError

SOURCE: Final = "Royal College of Physicians, National Early Warning Score (NEWS) 2, 2017"

Number = int | float | Decimal
Scale = Literal[1, 2]
#: Clinical risk, in rising order; `low-medium` is a 3 in one parameter with a total below 5.
Risk = Literal["low", "low-medium", "medium", "high"]

#: The seven in the order of the chart.
PARAMETERS: Final = ("rr", "spo2", "o2", "sbp", "pulse", "acvpu", "temp")

AGE_MIN_YEARS: Final = 16


class Possible(NamedTuple):
    """The closed range of values that are accepted, in `unit`."""

    unit: str
    low: int
    high: int


class Band(NamedTuple):
    """Rounded values up to and including `highest` (None: all the others), above the band before it."""

    highest: Decimal | None
    points: int


def _bands(*bands: tuple[str | None, int]) -> tuple[Band, ...]:
    return tuple(Band(None if highest is None else Decimal(highest), points) for highest, points in bands)


#: Wider than anything recorded in people, and narrow enough that 98.6 °F or a slipped digit is not scored.
POSSIBLE: Final = MappingProxyType(
    {
        "rr": Possible("/min", 0, 200),
        "spo2": Possible("%", 0, 100),
        "sbp": Possible("mmHg", 0, 500),
        "pulse": Possible("/min", 0, 500),
        "temp": Possible("°C", 10, 50),
        "age_years": Possible("years", 0, 150),
    }
)

# Bands and points below: SOURCE, chart 1 and, for scale 2, the SpO2 scale for hypercapnic respiratory failure.
_BANDS: Final[Mapping[str, tuple[Band, ...]]] = MappingProxyType(
    {
        "rr": _bands(("8", 3), ("11", 1), ("20", 0), ("24", 2), (None, 3)),
        "sbp": _bands(("90", 3), ("100", 2), ("110", 1), ("219", 0), (None, 3)),
        "pulse": _bands(("40", 3), ("50", 1), ("90", 0), ("110", 1), ("130", 2), (None, 3)),
        "temp": _bands(("35.0", 3), ("36.0", 1), ("38.0", 0), ("39.0", 1), (None, 2)),
    }
)
_SCALE_1: Final = _bands(("91", 3), ("93", 2), ("95", 1), (None, 0))
_SCALE_2_AIR: Final = _bands(("83", 3), ("85", 2), ("87", 1), (None, 0))
_SCALE_2_OXYGEN: Final = _bands(("83", 3), ("85", 2), ("87", 1), ("92", 0), ("94", 1), ("96", 2), (None, 3))
_ACVPU: Final = MappingProxyType({letter: 0 if letter == "A" else 3 for letter in CONSCIOUSNESS})
_OXYGEN: Final = MappingProxyType({False: 0, True: 2})

# The chart has whole numbers, temperature one digit: values are rounded to these before banding.
_ONE, _TENTH = Decimal(1), Decimal("0.1")

# Least total of each risk that follows from the total alone (SOURCE, thresholds and triggers).
_HIGH_FROM, _MEDIUM_FROM = 7, 5
_SINGLE: Final = 3


class NotApplicable(OperatorError):
    """NEWS2 is not made for this patient. `code`: `news2-under-16` or `news2-pregnancy`."""

    code = "news2-not-applicable"


class BadParameter(OperatorError):
    """A value that can't be scored: not finite, not possible in people, or no letter of ACVPU."""

    code = "news2-parameter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """One set of observations; None: missing.

    `rr`, `pulse` in /min, `spo2` in %, `sbp` (systolic) in mmHg, `temp` in °C; `o2`: on supplemental oxygen; `acvpu`:
    one letter, C is new confusion. `scale` 2 only where a clinician recorded a target of 88-92 %, never by diagnosis.
    `age_years` and `pregnant`, when not given, are vouched for by the caller.
    """

    rr: Number | None = None
    spo2: Number | None = None
    o2: bool | None = None
    sbp: Number | None = None
    pulse: Number | None = None
    acvpu: str | None = None
    temp: Number | None = None
    scale: Scale = 1
    age_years: Number | None = None
    pregnant: bool | None = None


@dataclass(frozen=True, slots=True)
class News2:
    """What a set says. `low` to `high` (0-20) is where the score lies, both reached by some value of what is missing.

    `points` has every known parameter: the points it has at least. That is exact but for SpO2 of 93 % or more on
    scale 2 while oxygen is missing: none on air, up to 3 on oxygen. Their sum is `low`.
    `band_at_least`: the least risk that the set can mean; None for a partial one that may be low, as it may not be.
    """

    points: Mapping[str, int]
    missing: tuple[str, ...]
    low: int
    high: int
    single_three: bool
    band_at_least: Risk | None

    @property
    def score(self) -> int | None:
        """The published total; None unless all seven are known."""
        return None if self.missing else self.low


def score(parameters: Parameters) -> News2:
    """Scores one set; raises NotApplicable for under-16s and in pregnancy, BadParameter for a value that can't be."""
    _check(parameters)
    missing = tuple(name for name in PARAMETERS if getattr(parameters, name) is None)
    possible_oxygen = (False, True) if parameters.o2 is None else (parameters.o2,)
    # On air nothing scores more than on oxygen, so the first state has the lower bound and the last the upper one.
    points = _points(parameters, possible_oxygen[0])
    low = sum(points.values())
    high = sum(_points(parameters, possible_oxygen[-1]).values())
    high += sum(_most(name, parameters.scale, possible_oxygen[-1]) for name in missing)
    single_three = _SINGLE in points.values()
    return News2(
        points=MappingProxyType(points),
        missing=missing,
        low=low,
        high=high,
        single_three=single_three,
        band_at_least=_risk(low, single_three, complete=not missing),
    )


def _check(parameters: Parameters) -> None:
    for name, possible in POSSIBLE.items():
        value = getattr(parameters, name)
        # NaN alone differs from itself; as a Decimal it refuses to be compared by size.
        if value is not None and (value != value or not possible.low <= value <= possible.high):
            raise BadParameter(f"{name} must be a number from {possible.low} to {possible.high} {possible.unit}")
    if parameters.acvpu is not None and parameters.acvpu not in _ACVPU:
        raise BadParameter(f"acvpu must be one letter of {CONSCIOUSNESS}; C is new confusion")
    if parameters.age_years is not None and parameters.age_years < AGE_MIN_YEARS:
        raise NotApplicable(
            f"NEWS2 is not for patients under {AGE_MIN_YEARS} years; use a paediatric early warning score",
            code="news2-under-16",
        )
    if parameters.pregnant:
        raise NotApplicable(
            "NEWS2 is not for pregnancy; use a maternity early warning score",
            code="news2-pregnancy",
        )


def bands_of(name: str, scale: Scale, oxygen: bool) -> tuple[Band, ...]:
    """Bands of a measured parameter, of SpO2 on this scale for a patient who is (not) on oxygen."""
    if name != "spo2":
        return _BANDS[name]
    if scale == 1:
        return _SCALE_1
    return _SCALE_2_OXYGEN if oxygen else _SCALE_2_AIR


def _rounded(name: str, value: Number) -> Decimal:
    """As the chart has it, half away from zero; a float counts as the decimal that it prints as."""
    return Decimal(str(value)).quantize(_TENTH if name == "temp" else _ONE, ROUND_HALF_UP)


def _points(parameters: Parameters, oxygen: bool) -> dict[str, int]:
    """Points of each known parameter, for a patient who is (not) on oxygen."""
    points: dict[str, int] = {}
    for name in PARAMETERS:
        value = getattr(parameters, name)
        if value is None:
            continue
        if name == "o2":
            points[name] = _OXYGEN[value]
        elif name == "acvpu":
            points[name] = _ACVPU[value]
        else:
            charted = _rounded(name, value)
            bands = bands_of(name, parameters.scale, oxygen)
            points[name] = next(band.points for band in bands if band.highest is None or charted <= band.highest)
    return points


def _most(name: str, scale: Scale, oxygen: bool) -> int:
    """The most points that a missing parameter can turn out to have; for each of them the fewest is none."""
    if name == "o2":
        return _OXYGEN[oxygen]
    if name == "acvpu":
        return max(_ACVPU.values())
    return max(band.points for band in bands_of(name, scale, oxygen))


def _risk(low: int, single_three: bool, *, complete: bool) -> Risk | None:
    if low >= _HIGH_FROM:
        return "high"
    if low >= _MEDIUM_FROM:
        return "medium"
    if single_three:
        return "low-medium"
    return "low" if complete else None
