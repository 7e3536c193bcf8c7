"""The only real clock; everybody else is handed it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_us() -> int:
    """UTC microseconds since 1970."""
    return time.time_ns() // 1000


def now() -> datetime:
    """The same as an aware datetime."""
    return datetime.now(UTC)
