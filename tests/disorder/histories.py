"""Generated histories: what is measured, in which order and groups it arrives, and what happens in between.

A history is read from bytes, a few for each reading and group: drawing them one by one would cost more than running
them, and bytes shrink well (0 stands for the plainest choice everywhere).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

from alerts.rules import Rule
from vitals import codes, units
from vitals.events import SAMPLE, PatientContext, Samples
from vitals.reading import Flag

READINGS_MAX = 40
GROUPS_MAX = 48
_HEAD, _ROW, _GROUP = 16, 8, 3

PATIENTS = (1, 2)
#: Patient 1 has devices 11 and 12, patient 2 has 21 and 22, until a binding is corrected.
DEVICES = (11, 21, 12, 22)

_SIZES = (1, 1, 1, 2, 2, 3, 6)
_SERIES = (1, 1, 2, 2, 3, 4, 6)
#: How many places late a reading can be: in order, neighbours change places, a burst, anything.
_LATE = (0, 2, 8, 40)
#: Marks of a flagged history: most readings have none.
FLAGS = (
    *(0, 0, 0, 0, 0, 0, 0, 0),
    *(int(flag) for flag in (Flag.IMPROBABLE, Flag.TOO_LATE, Flag.NO_CONTACT, Flag.LOW_PERFUSION)),
)
#: What comes after a group. A restart heals what is open, so most histories have few of them.
_CALM = ("go",)
_FEW = (*("go",) * 14, "restart", "drop", "tick", "tick", "aborted", "context", "binding", "correction", "rules")
_MANY = ("go", "restart", "drop", "tick", "tick", "aborted", "context", "binding", "correction", "rules")
_EVENTS = (_CALM, _FEW, _FEW, _MANY)


@dataclass(frozen=True, slots=True)
class Scene:
    """The world of one rule kind.

    `values` hover around the limits of `rules`, by metric with its part, each in the metric's first unit; `steps_us`
    are the times between readings and `ticks_us` what a tick adds. `changed` are the rules after a change of rules,
    `later` the contexts after a change of what is known. `flags` are the marks of a flagged history.
    """

    rules: tuple[Rule, ...]
    changed: tuple[Rule, ...]
    contexts: Mapping[int, PatientContext]
    later: Mapping[int, PatientContext]
    values: Mapping[str, tuple[float, ...]]
    start_us: int
    steps_us: tuple[int, ...]
    ticks_us: tuple[int, ...]
    flags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """How many arrivals it takes, what happens after it, and a number that says more about that."""

    size: int
    event: str
    argument: int


@dataclass(frozen=True, slots=True)
class History:
    """`rows` in order of time, before any change of binding; `arrivals` are positions in it, some come twice."""

    rows: Samples
    arrivals: tuple[int, ...]
    groups: tuple[Group, ...]
    only_due: bool  # ticks go to patients whose deadline is due, as the owner of a shard ticks

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """How hypothesis shows a counterexample."""
        printer.text(str(self))

    def __str__(self) -> str:
        lines = [
            f"  {at}: patient {row['patient']} device {row['device']} metric {row['metric']}/{row['component']}"
            f" at {row['measured_us']} value {row['value']:g} flags {row['flags']}"
            for at, row in enumerate(self.rows)
        ]
        asked = [f"{g.size}{'' if g.event == 'go' else f' {g.event} {g.argument}'}" for g in self.groups]
        told = f"only_due={self.only_due}, arrivals={self.arrivals}, groups={', '.join(asked)}"
        return "\n".join([f"History({told})", *lines])


@st.composite
def histories(draw: st.DrawFn, scene: Scene) -> History:
    """Histories of a scene."""
    head = draw(st.binary(min_size=_HEAD, max_size=_HEAD))
    readings = draw(st.integers(0, READINGS_MAX))
    body = draw(st.binary(min_size=_ROW * readings, max_size=_ROW * readings))
    groups = draw(st.binary(min_size=_GROUP * GROUPS_MAX, max_size=_GROUP * GROUPS_MAX))
    return _history(scene, head, body, groups)


def history_from(scene: Scene, randbytes: Callable[[int], bytes]) -> History:
    """One history from chance, without hypothesis."""
    readings = randbytes(1)[0] % (READINGS_MAX + 1)
    return _history(scene, randbytes(_HEAD), randbytes(_ROW * readings), randbytes(_GROUP * GROUPS_MAX))


def _history(scene: Scene, head: bytes, body: bytes, groups: bytes) -> History:
    each = np.frombuffer(body, np.uint8).reshape(-1, _ROW).astype(np.int64)
    rows = _rows(scene, head, each)
    # A reading arrives late by some places; some arrive a second time, later still.
    span = _LATE[head[1] % len(_LATE)]
    place = np.arange(len(rows))
    first = place + each[:, 4] % (span + 1)
    again = np.flatnonzero(each[:, 5] >= 224)
    come = np.concatenate((place, place[again]))
    when = np.concatenate((first, first[again] + each[again, 6] % 24))
    arrivals = come[np.argsort(when, kind="stable")]
    events = _EVENTS[head[2] % len(_EVENTS)]
    table = np.frombuffer(groups, np.uint8).reshape(-1, _GROUP).tolist()
    return History(
        rows,
        tuple(arrivals.tolist()),
        tuple(Group(_SIZES[s % len(_SIZES)], events[e % len(events)], argument) for s, e, argument in table),
        only_due=head[3] % 2 == 1,
    )


def _rows(scene: Scene, head: bytes, each: np.ndarray[Any, np.dtype[np.int64]]) -> Samples:
    rows = np.zeros(len(each), SAMPLE)
    kinds = [(patient_device, metric) for metric in scene.values for patient_device in DEVICES]
    wanted = min(_SERIES[head[0] % len(_SERIES)], len(kinds))
    # An odd stride visits all kinds of a list whose length is a power of two, and most of any other.
    picked = [kinds[(head[4] + i * (1 + 2 * (head[5] % 8))) % len(kinds)] for i in range(wanted)]
    series = each[:, 1] % max(wanted, 1)
    rows["measured_us"] = scene.start_us + np.cumsum(np.asarray(scene.steps_us)[each[:, 0] % len(scene.steps_us)])
    rows["received_us"] = rows["measured_us"]
    rows["sequence"] = each[:, 3] & 1
    if head[6] % 2:
        rows["flags"] = np.asarray(scene.flags)[(each[:, 3] >> 1) % len(scene.flags)]
    for number, (device, metric) in enumerate(picked):
        mine = series == number
        key, _, part = metric.partition(".")
        row = codes.metric(key)
        known = scene.values[metric]
        # Few values a history: so runs get long.
        few = [known[head[7 + i] % len(known)] for i in range(2 + head[10] % 3)]
        rows["patient"][mine] = device // 10
        rows["device"][mine] = device
        rows["metric"][mine] = row.number
        rows["component"][mine] = codes.PRESSURE_PARTS.index(part) + 1 if part else 0
        rows["decimals"][mine] = 1
        rows["unit"][mine] = units.unit(row.units[0]).number
        rows["value"][mine] = np.asarray(few)[each[mine, 2] % len(few)]
    off = (rows["metric"] == codes.metric("sensor_contact").number) & (rows["value"] == 0)
    rows["flags"][off] |= int(Flag.NO_CONTACT)
    rows["sent"] = rows["value"]
    return rows


def identified(rows: Samples) -> Samples:
    """The same with the ids that storage would give: from the identity and the patient, in no order of time."""
    result = rows.copy()
    names = np.empty((len(rows), 2), np.uint64)
    with np.errstate(over="ignore"):
        one = rows["measured_us"].astype(np.uint64) * np.uint64(2) + rows["sequence"].astype(np.uint64)
        two = rows["device"].astype(np.uint64) << np.uint64(40) | rows["metric"].astype(np.uint64) << np.uint64(8)
        two |= rows["component"].astype(np.uint64) | rows["patient"].astype(np.uint64) << np.uint64(56)
        # Weyl steps and xor-shifts (splitmix64): neighbours become far apart.
        names[:, 0] = _mixed(one ^ _mixed(two))
        names[:, 1] = _mixed(one + two)
    result["observation"] = names.view("V16").ravel()
    return result


def _mixed(numbers: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    z = numbers * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return z ^ (z >> np.uint64(27))
