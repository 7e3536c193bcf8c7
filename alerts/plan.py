"""How the online engine will take one group: what came, series by series, and who is built anew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitals.events import PatientContext, Samples

from .rules import Rule, sees


@dataclass(slots=True)
class Plan:
    """How one group will be taken: sorted samples, their series, and for whom the history is needed from when
    on.
    """

    samples: Samples  # the group as it came; the plan is for this object only
    context: dict[int, PatientContext]
    ordered: Samples
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]  # position of the last sample of each series
    keys: list[tuple[int, int, int, int]]  # patient, device, metric, component
    slots: NDArray[np.int64]  # -1: a series without one
    quiet: NDArray[np.bool_]
    rebuild: dict[int, int]

    def rows(self, patient: int) -> slice:
        """Where a patient's samples are in `ordered`."""
        low, high = np.searchsorted(self.ordered["patient"], (patient, patient + 1))
        return slice(int(low), int(high))

    def seen_by(self, rule: Rule, patient: int) -> Samples:
        """The patient's samples that a rule looks at."""
        samples = self.ordered[self.rows(patient)]
        seen = sees(rule.metric, rule.unit)
        chosen: Samples = samples[[kind in seen for kind in samples[["metric", "component"]].tolist()]]
        return chosen
