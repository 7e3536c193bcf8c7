"""Who is simulated: patients, their devices and what each device does when. Pure; everything follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from simulators.devices import AHEAD_S, DAY_S, HISTORY_DAYS, HOUR_S, Device, Measurement
from simulators.physiology import Body, body, noise
from simulators.scenarios import WELL, WHOLE, Scenario, at, parts

_FIRST = {
    "female": ("Ada", "Maren", "Ingrid", "Salma", "Chloe", "Rosa", "Hanna", "Mei", "Agnes", "Leila", "Olga", "Nora"),
    "male": (
        "Jonas",
        "Viktor",
        "Samuel",
        "Arjun",
        "Piotr",
        "Emil",
        "Tomas",
        "Kofi",
        "Henrik",
        "Luis",
        "Daniel",
        "Yusuf",
    ),
}
_LAST = (
    "Novak Lindqvist Okafor Berger Castellano Haddad Kowalska Tanaka Moreau Petrov Silva Andersen "
    "Weiss Fontaine Iyer Nakamura Brandt Osei Duarte Halvorsen Richter Farouk Bianchi Larsen"
)
_ZONES = ("Europe/Berlin", "Europe/London", "Europe/Berlin", "America/New_York", "Europe/Madrid")

#: Streamed seconds before a sustained story, and the most readings a patient brings along.
STREAM_HISTORY_S = 900
STREAM_HISTORY_PERIOD_S = 5
HISTORY_READINGS_MAX = 600
#: Readings in one array message.
ARRAY_MAX = 50

#: Bindings start before the oldest remembered reading.
BOUND_BEFORE_S = 7 * DAY_S
#: Spot readings of before and the live ones stay apart, and so do the owners of a device: the registry's time and the
#: devices' differ by the seconds that starting takes.
_APART_S = 1800.0


@dataclass(frozen=True, slots=True)
class Binding:
    """Whose a device is in [`since_s`, `until_s`), seconds from the start; None: open."""

    patient: str
    since_s: float
    until_s: float | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """At `at_s` the registry hears that `device` is `patient`'s since `since_s` (seconds from the start)."""

    at_s: float
    device: str
    patient: str
    since_s: float


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """One device; `id` is also its MQTT user name. `former` is whose it was before, with that patient's body."""

    id: str
    device: Device
    scenario: Scenario
    body: Body
    patient: str
    zone: str
    former: tuple[str, Body] | None = None

    def measure(self, t_s: float) -> Measurement:
        """What it reads at `t_s` seconds from the start."""
        before = self.device.before
        formerly = self.former is not None and before is not None and t_s < before.until_s
        whose = self.former[1] if formerly and self.former is not None else self.body
        return at(self.scenario, self.device, whose, t_s)

    def bindings(self, *, corrected: bool = True) -> tuple[Binding, ...]:
        """Whose it is when: in truth, or as the registry has it before it is corrected."""
        before = self.device.before
        if before is None or self.former is None:
            return (Binding(self.patient, -BOUND_BEFORE_S),)
        if before.corrected_s is not None and not corrected:
            return (Binding(self.former[0], -BOUND_BEFORE_S),)
        return Binding(self.former[0], -BOUND_BEFORE_S, before.until_s), Binding(self.patient, before.since_s)

    @property
    def correction(self) -> Correction | None:
        """What the registry is told during the story."""
        before = self.device.before
        if before is None or before.corrected_s is None:
            return None
        return Correction(before.corrected_s, self.id, self.patient, before.since_s)

    def owner(self, t_s: float) -> str | None:
        """Whose reading one of `t_s` is in the end; None: nobody's."""
        for binding in self.bindings():
            if binding.since_s <= t_s and (binding.until_s is None or t_s < binding.until_s):
                return binding.patient
        return None

    def clock_ms(self, start_s: float, t_s: float) -> int:
        """What the device's clock says at `t_s`, milliseconds since 1970; a wrong one is wrong since the start."""
        if t_s >= 0 and self.device.clock == "unset":
            return round(t_s * 1000)
        ahead_s = AHEAD_S if t_s >= 0 and self.device.clock == "ahead" else 0.0
        return round((start_s + t_s + ahead_s) * 1000)

    @property
    def on_time(self) -> bool:
        """Whether its live readings arrive as they are measured, once, and under their own time."""
        return self.scenario.offline is None and self.device.clock == "right" and self.correction is None

    def history(self, start_s: float) -> list[float]:
        """Times of remembered measurements before the start (whose instant is `start_s`, UTC seconds), oldest first."""
        times = []
        midnight = start_s - start_s % DAY_S
        first_s = -self.device.history_days * DAY_S
        for day in range(HISTORY_DAYS, -1, -1):
            for hour in self.device.history_hours:
                jitter = 600 * noise(self.body.seed, self.id, day, hour)
                t_s = midnight - day * DAY_S + hour * HOUR_S + jitter - start_s
                if first_s < t_s < -_APART_S and self._remembers(start_s, t_s):
                    times.append(round(t_s, 3))
        if self.device.stream_history:
            times += [float(-t) for t in range(STREAM_HISTORY_S, 0, -STREAM_HISTORY_PERIOD_S)]
        return times

    def _remembers(self, start_s: float, t_s: float) -> bool:
        if self.device.not_today and self._day(start_s + t_s) == self._day(start_s):
            return False
        before = self.device.before
        return before is None or t_s < before.until_s - _APART_S or t_s > before.since_s + _APART_S

    def _day(self, instant_s: float) -> date:
        return datetime.fromtimestamp(instant_s, UTC).astimezone(ZoneInfo(self.zone)).date()

    def live(self) -> Iterator[float]:
        """Times of live measurements, for ever."""
        # A fixed part of the period apart, so that twenty devices don't all publish in one instant.
        t_s = self.device.first_s + min(1.0, self.device.period_s) * (noise(self.id) + 1) / 2
        while True:
            yield t_s
            t_s += self.device.period_s


@dataclass(frozen=True, slots=True)
class SimulatedPatient:
    """One patient; `expected` are the rule ids that must alert, and no others."""

    id: str
    name: str
    sex: str
    born: str
    zone: str
    scenario: Scenario
    devices: tuple[SimulatedDevice, ...]

    @property
    def expected(self) -> tuple[str, ...]:
        """Rules that must alert."""
        return self.scenario.expected


def _told(count: int, story: str | None) -> list[Scenario]:
    """A story for each of `count` patients: all stories once and then well ones, or one story again and again.

    A story about two comes whole or not at all.
    """
    told: list[Scenario] = []
    if story is not None:
        whole = parts(story)
        while len(told) + len(whole) <= count:
            told += whole
        return told
    for whole in WHOLE:
        if len(told) + len(whole) > count:
            break
        told += whole
    return told + [WELL[number % len(WELL)] for number in range(len(told) + 1, count + 1)]


def patients(count: int, seed: int = 1, *, story: str | None = None, tag: str = "") -> list[SimulatedPatient]:
    """At most `count` patients: the stories first, everybody else is well; or all of them tell one `story`.

    Ids are `p-001` and `cuff-001`; a `tag` goes between (`p-TAG-001`).
    """
    result: list[SimulatedPatient] = []
    bodies: list[Body] = []
    for number, scenario in enumerate(_told(count, story), 1):
        own = seed * 100_003 + number
        sex = "female" if noise(own, "sex") < 0 else "male"
        first = _FIRST[sex][number % len(_FIRST[sex])]
        name = f"{tag}-{number:03d}" if tag else f"{number:03d}"
        zone = _ZONES[number % len(_ZONES)]
        shape = body(own, copd=scenario.copd)
        former = (result[-1].id, bodies[-1]) if result else None
        devices = tuple(
            SimulatedDevice(
                f"{device.kind}-{name}", device, scenario, shape, f"p-{name}", zone, former if device.before else None
            )
            for device in scenario.devices
        )
        result.append(
            SimulatedPatient(
                id=f"p-{name}",
                name=f"{first} {_LAST.split()[(number * 7 + seed) % 24]}",
                sex=sex,
                born=f"{1938 + int(25 * (noise(own, 'year') + 1)):04d}-{1 + number % 12:02d}-{1 + number * 3 % 28:02d}",
                zone=zone,
                scenario=scenario,
                devices=devices,
            )
        )
        bodies.append(shape)
    return result
