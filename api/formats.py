"""Times as the contract writes them, and JSON bytes."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

import orjson

from storage.chart.readings import time_of, us_of
from vitals.errors import VitalstreamError


class BadCursor(VitalstreamError):
    """A page cursor that isn't one of ours."""

    code = "bad-request"


def rfc3339(time_us: int | None) -> str | None:
    """UTC with milliseconds, such as 2026-11-22T10:42:00.123Z; None for None."""
    if time_us is None:
        return None
    return time_of(time_us).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_us // 1000 % 1000:03d}Z"


def now_us(now: datetime) -> int:
    """UTC microseconds of the service's clock."""
    return us_of(now.astimezone(UTC))


def json_bytes(body: Any) -> bytes:
    """Compact JSON; orjson.Fragment parts go in as they are."""
    return orjson.dumps(body)


def encode_cursor(*parts: str) -> str:
    """An opaque text that `decode_cursor` takes apart again."""
    return base64.urlsafe_b64encode("\n".join(parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, count: int) -> list[str]:
    """The parts of a cursor; raises BadCursor when there aren't `count`."""
    try:
        parts = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("\n")
    except (binascii.Error, ValueError):
        parts = []
    if len(parts) != count:
        raise BadCursor("The cursor isn't one that this server gave; start again without it.")
    return parts
