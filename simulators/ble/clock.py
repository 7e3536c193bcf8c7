"""A device's own clock: a face without a zone, which may be wrong, unset, or set by whoever connects."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo


@dataclass(slots=True)
class Clock:
    """`offset_s` is how far the face is ahead of the true local time of `zone`; an `unset` clock has no date yet."""

    offset_s: float = 0.0
    zone: tzinfo = UTC
    unset: bool = False
    settable: bool = True

    def face(self, true_s: float) -> datetime | None:
        """What the clock shows at an instant (UTC seconds since 1970), without a zone; None while unset."""
        if self.unset:
            return None
        local = datetime.fromtimestamp(true_s, self.zone).replace(tzinfo=None)
        return local + timedelta(seconds=self.offset_s)

    def set(self, face: datetime, true_s: float) -> bool:
        """Sets the face; False when the device does not let itself be set (it says nothing of that)."""
        if not self.settable:
            return False
        local = datetime.fromtimestamp(true_s, self.zone).replace(tzinfo=None)
        self.unset, self.offset_s = False, (face - local).total_seconds()
        return True
