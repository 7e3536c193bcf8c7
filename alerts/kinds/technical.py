"""Technical: whether what we see can be right. Marks that the gateway, the decoders or the sensor itself put on."""

from __future__ import annotations

from alerts import wording
from alerts.episodes import Episode
from alerts.rules import Rule
from vitals.events import PatientContext
from vitals.reading import Flag

from .base import Kind
from .signals import CLOCK, Marks
from .sustained import Sustained
from .threshold import Threshold

NOTHING = Flag(0)


class Improbable(Threshold):
    """Opens at a sample marked improbable, clears at the next sample of the same series that isn't."""

    def __init__(self) -> None:
        texts = ("outside the plausible range", "the next plausible reading")
        super().__init__(Marks(Flag.IMPROBABLE, Flag.NO_CONTACT, frozenset(), texts))

    def title(self, rule: Rule) -> str:
        return f"{wording.metric_text(rule.metric)}: improbable reading, check patient and sensor"


class Clock(Threshold):
    """Opens at a sample whose time was repaired, clears at the next one of the same series that was right."""

    def __init__(self) -> None:
        texts = ("a time that was wrong and repaired", "the next reading with a right time")
        super().__init__(Marks(Flag(CLOCK), NOTHING, frozenset({"any"}), texts))

    def title(self, rule: Rule) -> str:
        return "Device clock is wrong: set it"

    def explain(self, rule: Rule, context: PatientContext, episode: Episode) -> str:
        label = wording.metric_text(episode.readings[0].metric)
        return f"{rule.title}. The time of {label} was repaired and is marked as such"


class Contact(Sustained):
    """The sensor says over `for` that it does not touch the patient; clears at the next sample with contact."""

    def __init__(self) -> None:
        texts = ("sensor without contact", "the next reading with contact")
        super().__init__(Marks(Flag.NO_CONTACT, NOTHING, frozenset({"any"}), texts))

    def title(self, rule: Rule) -> str:
        return "Sensor off: check that it is worn"

    def explain(self, rule: Rule, context: PatientContext, episode: Episode) -> str:
        label = wording.metric_text(episode.readings[0].metric)
        return f"{rule.title}. {label} without contact for {wording.dwell_text(rule.for_us)}"


KINDS: dict[str, Kind] = {"improbable": Improbable(), "clock": Clock(), "contact": Contact()}
