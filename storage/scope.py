"""Scope: whose data a query may touch. Every query on patient data takes one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """One organisation; of it one team's patients when `team` is set; one patient when `patient` is set (both keys).

    A patient belongs to a team by any enrolment in it, ended ones included: an open alert of a patient who left must
    stay visible to somebody.
    """

    organisation: int
    team: int | None = None
    patient: int | None = None

    @property
    def parameters(self) -> dict[str, int | None]:
        """The named parameters that queries use: `organisation`, `team`, `only_patient`."""
        return {"organisation": self.organisation, "team": self.team, "only_patient": self.patient}

    def covers(self, *, patient: int, teams: frozenset[int]) -> bool:
        """Whether a patient of the same organisation is inside."""
        return (self.team is None or self.team in teams) and self.patient in (None, patient)
