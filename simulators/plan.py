"""Who is simulated: patients, their devices and what each device does when. Pure; everything follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulators.physiology import Body, body, noise
from simulators.scenarios import STORIES, WELL, Device, Measurement, Scenario, at

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

#: Days of memory, streamed minutes before a sustained story, and the most readings a patient brings along.
HISTORY_DAYS = 6
STREAM_HISTORY_S = 900
STREAM_HISTORY_PERIOD_S = 5
HISTORY_READINGS_MAX = 600
#: Readings in one array message.
ARRAY_MAX = 50
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class SimulatedDevice:
    """One device; `id` is also its MQTT user name."""

    id: str
    device: Device
    scenario: Scenario
    body: Body

    def measure(self, t_s: float) -> Measurement:
        """What it reads at `t_s` seconds from the start."""
        return at(self.scenario, self.device, self.body, t_s)

    def history(self, start_s: float) -> list[float]:
        """Times of remembered measurements before the start (whose instant is `start_s`, UTC seconds), oldest first."""
        times = []
        midnight = start_s - start_s % (24 * _HOUR_S)
        for day in range(HISTORY_DAYS, -1, -1):
            for hour in self.device.history_hours:
                jitter = 600 * noise(self.body.seed, self.id, day, hour)
                t_s = midnight - day * 24 * _HOUR_S + hour * _HOUR_S + jitter - start_s
                # Nothing in the last half hour: spot readings of before and the live ones stay apart.
                if -HISTORY_DAYS * 24 * _HOUR_S < t_s < -1800:
                    times.append(round(t_s, 3))
        if self.device.stream_history:
            times += [float(-t) for t in range(STREAM_HISTORY_S, 0, -STREAM_HISTORY_PERIOD_S)]
        return times

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


def patients(count: int, seed: int = 1) -> list[SimulatedPatient]:
    """`count` patients: the stories first, everybody else is well."""
    result = []
    for number in range(1, count + 1):
        scenario = STORIES[number - 1] if number <= len(STORIES) else WELL[number % len(WELL)]
        own = seed * 100_003 + number
        sex = "female" if noise(own, "sex") < 0 else "male"
        first = _FIRST[sex][number % len(_FIRST[sex])]
        patient = f"p-{number:03d}"
        shape = body(own, copd=scenario.copd)
        devices = tuple(
            SimulatedDevice(f"{device.kind}-{number:03d}", device, scenario, shape) for device in scenario.devices
        )
        result.append(
            SimulatedPatient(
                id=patient,
                name=f"{first} {_LAST.split()[(number * 7 + seed) % 24]}",
                sex=sex,
                born=f"{1938 + int(25 * (noise(own, 'year') + 1)):04d}-{1 + number % 12:02d}-{1 + number * 3 % 28:02d}",
                zone=_ZONES[number % len(_ZONES)],
                scenario=scenario,
                devices=devices,
            )
        )
    return result
