"""What simulated devices measure and how disorderly they send it, from one seed.

Values walk in steps around the limits of the shipped rules, so that alerts open, clear, merge and come back. Faults:
messages kept and sent hours of readings later, bursts, changed order, repeats, the same identity with another value,
clocks that run ahead, behind or from 1970, clocks that jump, connections cut in the middle, readings older than the
lateness limit.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from device_gateway.timestamps import Instant, repair
from vitals import codes
from vitals.plausible import improbable
from vitals.reading import Absent as Missing
from vitals.reading import Flag, Reading, Value, absent, value_of

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

LATENESS_US = 7 * DAY_US
#: Measured within these days; each margin is far wider than a run lasts, so that no reading's lateness is in doubt.
_OLDEST_US, _NEWEST_US = 6 * DAY_US, 2 * MINUTE_US
_TOO_OLD_US = 9 * DAY_US

#: Readings of one message at most.
_ARRAY_MAX = 25

#: Programmes and recorded SpO2 target of the patients, in turns.
PROGRAMMES: tuple[tuple[tuple[str, ...], tuple[int, int] | None], ...] = (
    (("copd",), (88, 92)),
    (("heart-failure", "hypertension"), None),
    (("diabetes", "virtual-ward"), None),
    ((), None),
    (("copd", "diabetes"), None),
    (("virtual-ward", "hypertension"), (88, 92)),
)
ZONES = ("Europe/Berlin", "America/New_York", "UTC", "Asia/Kolkata")


class Clock(Enum):
    """What is wrong with a device's clock."""

    RIGHT = "right"
    SLOW = "slow"  # behind by hours and believed: nobody can know
    TOLD = "told"  # wrong, but the device says what its clock shows now
    AHEAD = "ahead"
    UNSET = "unset"  # counts from 1970
    JUMPS = "jumps"  # right, then far ahead


#: Clocks whose readings get a time that depends on when they are received: no plan can know it.
UNKNOWABLE = frozenset({Clock.TOLD, Clock.AHEAD, Clock.UNSET, Clock.JUMPS})


@dataclass(frozen=True, slots=True)
class Probe:
    """One quantity a device measures: steps to choose from (the first few are the normal ones), seconds between
    readings, and how many readings a session has.
    """

    metric: str
    unit: str
    levels: tuple[str, ...]
    every_s: int
    session: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Device:
    """A device of one patient."""

    id: str
    patient: str
    clock: Clock
    probes: tuple[Probe, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """One reading as the device sends it; `at_us` is what its clock showed, `shift_us` how wrong that clock is."""

    device: str
    metric: str
    value: str  # number, or systolic/diastolic
    unit: str
    at_us: int
    sequence: int
    shift_us: int = 0
    tells_now: bool = False

    @property
    def identity(self) -> tuple[str, int, int, int]:
        """Device, metric number, device time in nanoseconds, sequence."""
        return self.device, codes.metric(self.metric).number, self.at_us * 1000, self.sequence

    def payload(self, now_us: int) -> str:
        """The JSON object that the device sends."""
        parts = self.value.split("/")
        value = f'{{"systolic":{parts[0]},"diastolic":{parts[1]}}}' if len(parts) == 2 else self.value
        now = f',"now":{(now_us + self.shift_us) // 1000}' if self.tells_now else ""
        return (
            f'{{"metric":"{self.metric}","value":{value},"unit":"{self.unit}",'
            f'"at":{self.at_us // 1000},"seq":{self.sequence}{now}}}'
        )

    def reading(self, received_us: int) -> Reading:
        """What the gateway makes of it when it is received then."""
        now_us = received_us + self.shift_us if self.tells_now else None
        time = repair(Instant(self.at_us * 1000, None), received_us, None, device_now_us=now_us)
        values = _values(self.metric, self.value)
        return Reading(
            self.device,
            self.metric,
            values,
            self.unit,
            time.measured_us,
            received_us,
            time.device_time_ns,
            self.sequence,
            offset_us=time.offset_us,
            utc_offset_min=time.utc_offset_min,
            earliest_us=time.earliest_us,
            latest_us=time.latest_us,
            flags=Flag(time.flags | improbable(self.metric, values, self.unit)),
        )


def _values(metric: str, text: str) -> tuple[Value, ...]:
    if codes.metric(metric).shape == "blood_pressure":
        high, low = (value_of(Decimal(part)) for part in text.split("/"))
        return high, low, absent(Missing.UNKNOWN)
    if text in ("true", "false"):
        return (Value(float(text == "true")),)
    return (value_of(Decimal(text)),)


@dataclass(frozen=True, slots=True)
class Message:
    """Readings in one payload, and whether the device's connection breaks right after it was written."""

    device: str
    readings: tuple[Measured, ...]
    breaks: bool = False

    def payload(self, now_us: int) -> bytes:
        """An array, or the object alone."""
        objects = [one.payload(now_us) for one in self.readings]
        return (objects[0] if len(objects) == 1 else f"[{','.join(objects)}]").encode()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that will be sent, each device's messages in the order in which it sends them."""

    seed: int
    devices: tuple[Device, ...]
    messages: dict[str, tuple[Message, ...]]
    conflicts: tuple[Measured, ...]

    @property
    def patients(self) -> tuple[str, ...]:
        """Logical ids, in order."""
        return tuple(dict.fromkeys(device.patient for device in self.devices))

    def programme(self, patient: str) -> tuple[tuple[str, ...], tuple[int, int] | None]:
        """Programmes and target of a patient."""
        return PROGRAMMES[self.patients.index(patient) % len(PROGRAMMES)]

    def zone(self, patient: str) -> str:
        """The patient's zone."""
        return ZONES[self.patients.index(patient) % len(ZONES)]

    @property
    def knowable(self) -> frozenset[str]:
        """Patients all of whose readings get a time that follows from the plan alone."""
        lost = {device.patient for device in self.devices if device.clock in UNKNOWABLE}
        return frozenset(self.patients) - lost

    def sent(self) -> list[Measured]:
        """Every reading of every message, repeats and conflicts included."""
        return [one for messages in self.messages.values() for message in messages for one in message.readings]

    def unique(self) -> dict[tuple[str, int, int, int], Measured]:
        """What must be charted: of each identity the first that its device sends."""
        first: dict[tuple[str, int, int, int], Measured] = {}
        for one in self.sent():
            first.setdefault(one.identity, one)
        return first


_OXIMETER = (
    Probe("spo2", "%", ("96", "97", "95", "93", "92", "91", "89", "88", "87", "86", "49"), 20, (20, 90)),
    Probe("pulse_rate_oximeter", "/min", ("72", "80", "95", "106", "111", "125", "131", "45", "40"), 20, (20, 90)),
)
_BELT = (Probe("resp_rate", "/min", ("16", "18", "20", "23", "24", "25", "9", "8", "81"), 60, (5, 30)),)
_THERMOMETER = (
    Probe(
        "body_temp",
        "Cel",
        ("36.6", "37.0", "37.9", "38.0", "38.1", "38.5", "39.1", "35.0", "35.5", "24.9"),
        600,
        (2, 12),
    ),
    Probe("body_temp_ear", "[degF]", ("97.9", "98.6", "100.2", "100.4", "100.6", "102.4", "95.0"), 900, (1, 6)),
)
_CUFF = (
    Probe(
        "blood_pressure",
        "mm[Hg]",
        ("128/79", "135/84", "89/55", "90/60", "95/62", "170/95", "171/99", "181/121", "176/116", "79/50"),
        300,
        (1, 6),
    ),
)
_SCALE = (
    Probe("body_weight", "kg", ("81.4", "81.6", "82.9", "83.0", "84.1", "80.2"), 3600, (1, 2)),
    Probe("body_weight", "[lb_av]", ("179.5", "180.1", "183.2", "184.0"), 7200, (1, 1)),
)
_METER = (Probe("glucose_capillary_mass", "mg/dL", ("110", "140", "69", "54", "53", "70", "400", "350"), 900, (1, 8)),)
_SENSOR = (Probe("cgm_moles", "mmol/L", ("6.1", "7.4", "3.9", "3.0", "2.9", "22.2", "19.4"), 300, (12, 60)),)
_STATUS = (
    Probe("battery", "%", ("80", "79", "21", "20", "19", "10", "9"), 1800, (1, 4)),
    Probe("sensor_contact", "1", ("true", "true", "false"), 600, (1, 4)),
)
_KINDS: tuple[tuple[str, tuple[Probe, ...]], ...] = (
    ("oximeter", (*_OXIMETER, *_STATUS)),
    ("thermometer", _THERMOMETER),
    ("cuff", _CUFF),
    ("scale", _SCALE),
    ("meter", _METER),
    ("sensor", _SENSOR),
    ("belt", _BELT),
)


def make_plan(seed: int, readings: int, until_us: int, *, patients: int = 8) -> Plan:
    """About `readings` readings of so many patients, measured before `until_us`."""
    choose = random.Random(seed)
    until_us -= until_us % 1000  # devices send milliseconds
    devices = tuple(_devices(choose, patients))
    weights = [sum(sum(probe.session) / 2 for probe in device.probes) for device in devices]
    messages: dict[str, tuple[Message, ...]] = {}
    conflicts: list[Measured] = []
    for device, weight in zip(devices, weights, strict=True):
        wanted = max(4, round(readings * weight / sum(weights)))
        measured = _measured(choose, device, wanted, until_us)
        wrong = [
            replace(one, value=_other(one))
            for one in measured
            if device.clock is Clock.RIGHT and choose.random() < 0.004
        ]
        conflicts += wrong
        messages[device.id] = tuple(_disordered(choose, device, measured, wrong))
    return Plan(seed, devices, messages, tuple(conflicts))


def _devices(choose: random.Random, patients: int) -> Iterator[Device]:
    for number in range(patients):
        # Every third patient has a device with a clock of its own mind.
        odd = choose.choice(list(UNKNOWABLE | {Clock.SLOW})) if number % 3 == 2 else None
        kinds = [_KINDS[0], *choose.sample(_KINDS[1:], choose.randint(1, 3))]
        if choose.random() < 0.4:
            kinds.append(_KINDS[0])  # a second oximeter: two series of one rule
        for place, (kind, probes) in enumerate(kinds):
            clock = odd if odd is not None and place == 1 else Clock.RIGHT
            yield Device(f"s-{number}-{kind}-{place}", f"patient-{number}", clock, probes)


def _measured(choose: random.Random, device: Device, wanted: int, until_us: int) -> list[Measured]:
    """Sessions of steps, in order of time, numbered as the device counts."""
    found: list[tuple[int, Probe, str]] = []
    oldest_us = _OLDEST_US - (DAY_US if device.clock is Clock.SLOW else 0)
    while len(found) < wanted:
        probe = choose.choice(device.probes)
        length = choose.randint(*probe.session)
        span_us = length * probe.every_s * SECOND_US
        at_us = until_us - _NEWEST_US - span_us - choose.randrange(max(1, oldest_us - span_us)) // 1000 * 1000
        if device.clock is Clock.RIGHT and choose.random() < 0.03:
            at_us -= _TOO_OLD_US
        level, steps = probe.levels[0], 0
        for _ in range(length):
            if steps == 0:
                # Half of the time normal.
                level = choose.choice(probe.levels[:3] if choose.random() < 0.5 else probe.levels)
                steps = choose.randint(1, 30 if probe.every_s <= 60 else 3)
            steps -= 1
            if choose.random() < 0.03:  # a gap, sometimes longer than any rule's
                at_us += choose.choice((60, 119, 120, 121, 600)) * SECOND_US
            if at_us > until_us - _NEWEST_US:
                break  # gaps have brought the session to the present
            # Now and then one reading stands out, which tears a dwell.
            found.append((at_us, probe, choose.choice(probe.levels) if choose.random() < 0.08 else level))
            at_us += probe.every_s * SECOND_US + choose.choice((0, 0, 0, 250, -250)) * 1000
    found.sort(key=lambda one: (one[0], one[1].metric))
    return [_shown(choose, device, number, len(found), *one, until_us) for number, one in enumerate(found)]


def _shown(
    choose: random.Random,
    device: Device,
    number: int,
    count: int,
    at_us: int,
    probe: Probe,
    level: str,
    until_us: int,
) -> Measured:
    shift_us = {
        Clock.RIGHT: 0,
        Clock.SLOW: -5 * HOUR_US,
        Clock.TOLD: -3 * DAY_US if len(device.id) % 2 else 40 * DAY_US,
        Clock.AHEAD: 30 * DAY_US,
        Clock.UNSET: DAY_US - until_us // DAY_US * DAY_US,
        Clock.JUMPS: 400 * DAY_US if number > count // 2 else 0,
    }[device.clock]
    told = device.clock is Clock.TOLD
    return Measured(device.id, probe.metric, level, probe.unit, at_us + shift_us, number, shift_us, tells_now=told)


def _other(one: Measured) -> str:
    """Another value that the same unit allows."""
    if one.value in ("true", "false"):
        return "false" if one.value == "true" else "true"
    return "/".join(str(Decimal(part) + 1) for part in one.value.split("/"))


def _disordered(
    choose: random.Random, device: Device, measured: Sequence[Measured], wrong: Sequence[Measured]
) -> Iterator[Message]:
    """The device's messages in order of sending."""
    # Single readings stay behind and come by themselves: the one normal value inside a breach, too.
    alone = [one for one in measured if choose.random() < 0.12]
    left = set(alone)
    rest = [one for one in measured if one not in left]
    chunks: list[tuple[Measured, ...]] = []
    while rest:
        size = choose.choice((1, 1, 3, 10, _ARRAY_MAX))
        chunks.append(tuple(rest[:size]))
        rest = rest[size:]
    count = len(chunks)
    burst = choose.randrange(count + 1), choose.randrange(count + 1)  # kept while offline, sent at the end
    placed: list[tuple[float, int, tuple[Measured, ...]]] = []
    for place, chunk in enumerate(chunks):
        late = choose.choices((0, choose.randint(1, 3), choose.randint(4, 40)), (70, 15, 15))[0]
        if min(burst) <= place < min(max(burst), min(burst) + count // 5 + 1):
            late = count
        body = tuple(choose.sample(chunk, len(chunk))) if choose.random() < 0.1 else chunk
        placed.append((place + late, place, body))
        if choose.random() < 0.06:  # sent again, whole or in part
            placed.append((place + late + choose.randint(1, 20), place, body[: choose.randint(1, len(body))]))
    placed += [(choose.randrange(count + 1) + choose.randint(0, 30), count, (one,)) for one in alone]
    placed += [(2 * count + 50, count, (one,)) for one in wrong]  # after everything else, the original included
    for _, _, body in sorted(placed, key=lambda one: one[:2]):
        yield Message(device.id, body, breaks=choose.random() < 0.01)


def counts(plan: Plan) -> dict[str, int]:
    """Figures of a plan for its line: readings sent, unique, repeats, conflicts."""
    sent = Counter(one.identity for one in plan.sent())
    return {
        "sent": sent.total(),
        "unique": len(sent),
        "duplicates": sent.total() - len(sent) - len(plan.conflicts),
        "conflicts": len(plan.conflicts),
    }
