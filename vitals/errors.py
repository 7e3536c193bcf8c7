"""Errors by whose fault they are; every message says what to do.

A code is a stable kebab-case word for programs; the message is one or two sentences for people and holds no PHI.
"""

from __future__ import annotations


class VitalstreamError(Exception):
    """Base of all our errors: a stable `code` and a `message` that says what to do."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class OperatorError(VitalstreamError):
    """Whoever configured or ran the program must change something."""

    code = "operator"


class DeviceError(VitalstreamError):
    """A device or its payload is wrong; the payload is kept in quarantine with this code as its reason."""

    code = "device"


class PartnerError(VitalstreamError):
    """Another system (database, broker, EMR) refused or is away; trying again may help."""

    code = "partner"


class InternalError(VitalstreamError):
    """Our own fault: an invariant did not hold."""

    code = "internal"


class DecodeError(DeviceError):
    """Bytes that do not follow their format. `code` is one of truncated, trailing-bytes, malformed, unknown-format."""

    code = "malformed"


class UnknownUnit(DeviceError):
    """A unit that is in no table of ours: never guessed, never passed on."""

    code = "unknown-unit"


class UnitMismatch(DeviceError):
    """A known unit that the metric can't be measured in."""

    code = "unit-mismatch"


class UnknownMetric(DeviceError):
    """A metric key that is not in the code table."""

    code = "unknown-metric"


class Unrepresentable(DeviceError):
    """A number that can't be kept exactly: non-finite or more than 15 significant digits."""

    code = "unrepresentable"


class NaiveTime(DeviceError):
    """A JSON time without a zone: which instant it names is unknown."""

    code = "naive-time"
