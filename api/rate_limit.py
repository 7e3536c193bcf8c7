"""Slows down guessing of passwords and codes: after five wrong ones each further try must wait. Pure: time comes in."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

FREE_TRIES = 5
FIRST_WAIT_S = 5.0
WAIT_MAX_S = 300.0  # an honest person who forgot waits minutes at most; a guesser gets under 300 tries a day
FORGET_S = 3600.0
ENTRIES_MAX = 10_000  # some MB; the oldest go first


@dataclass(frozen=True, slots=True)
class _Entry:
    failures: int
    last_s: float
    before_s: float  # when the wrong try before the last one was


class TryLimiter:
    """Counts wrong tries by key (who tries); times are seconds of any clock that doesn't go back."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def wait_s(self, key: str, now_s: float) -> float:
        """How long this key must wait before its next try; 0 when it may try now."""
        entry = self._entries.get(key)
        if entry is None or entry.failures < FREE_TRIES:
            return 0.0
        wait_s = min(WAIT_MAX_S, FIRST_WAIT_S * 2.0 ** (entry.failures - FREE_TRIES))
        return max(0.0, entry.last_s + wait_s - now_s)

    def failed(self, key: str, now_s: float) -> None:
        """Notes a wrong try."""
        before = self._entries.pop(key, None)
        failures = before.failures if before is not None and now_s - before.last_s < FORGET_S else 0
        # The exponent above stays small.
        self._entries[key] = _Entry(
            min(failures + 1, FREE_TRIES + 16), now_s, now_s if before is None else before.last_s
        )
        while len(self._entries) > ENTRIES_MAX:
            self._entries.popitem(last=False)

    def forgiven(self, key: str) -> None:
        """Takes back the last `failed` of a try that was right after all; the wrong ones before it still count."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries[key] = _Entry(max(0, entry.failures - 1), entry.before_s, entry.before_s)

    def succeeded(self, key: str) -> None:
        """Forgets a key."""
        self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)
