"""CSV in for `vitalstream backtest`: readings as the gateway would have understood them, and what is known of patients.

A value, its unit and its plausibility go through the gateway's own JSON parser: one truth about what a reading is.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, Final
from zoneinfo import available_timezones

import numpy as np

from alerts.pack import SHIPPED
from device_gateway.payloads import json_payload, times
from device_gateway.payloads.model import Sent, Unusable
from streams.group import Columns, Ints
from vitals import codes, units
from vitals.errors import DeviceError
from vitals.events import SpO2Target
from vitals.ports.chart import OBSERVATION
from vitals.reading import NONE, Flag
from vitalstream.csv_table import BadTable, CannotRead, Table, open_file

READING_COLUMNS: Final = ("patient", "measured_at", "metric", "value", "unit")
PATIENT_COLUMNS: Final = ("patient", "programme")
OPTIONAL_COLUMNS: Final = ("received_at", "device", "flags")
_KNOWN: Final = ("born", "zone", "spo2_target", "pregnant")

#: Refused rows that are told one by one; a file of the wrong kind would fill the screen. All are counted.
REFUSALS_TOLD: Final = 100
#: Rows between two reports of progress: about 20 ms of work.
_REPORT_ROWS: Final = 8192
#: Longer than any number that can be kept (15 digits) in any notation, or any word that is a value.
_VALUE_CHARS_MAX: Final = 64
#: A row's two times are often the same text, and so are those of its neighbours; far ones seldom.
_TIMES_KEPT: Final = 4096
_INT64_MAX: Final = 2**63 - 1

#: A number as JSON writes it (RFC 8259 section 6).
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_VALUE_FORMS = "a number such as 36.6, a blood pressure 128/79 or 128/79/95, true or false, or a letter of ACVPU"
_YES: Final = frozenset({"true", "yes", "1"})
_NO: Final = frozenset({"", "false", "no", "0"})

#: Observation ids of a backtest: unique for an identity and in the order in which ties between series are decided
#: (the code table's), whatever the order of the file.
_ID = np.dtype([("patient", ">u4"), ("metric", ">u2"), ("device", ">u2"), ("time_ns", ">i8")])
#: Devices that a file can name; their number is part of the ids above.
DEVICES_MAX: Final = 2**16 - 1

#: What a file can say of a reading: how it was measured and what its device's clock was like. What follows from the
#: value or from its arrival is found again.
_MARKS: Final = {
    name: int(flag)
    for flag in Flag
    for name in flag.names
    if flag not in Flag.IMPROBABLE | Flag.TOO_LATE | Flag.TEST_DATA | Flag.NO_IDENTITY | Flag.COUNTER_RESTART
}

#: Told how many of how many units of work are done.
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Refused:
    """Rows that can't become readings: how many, and (line, reason) of the first ones."""

    count: int = 0
    first: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, reason: str) -> None:
        """Counts one; tells it while there are few."""
        self.count += 1
        if len(self.first) < REFUSALS_TOLD:
            self.first.append((line, reason))


@dataclass(frozen=True, slots=True)
class Readings:
    """`rows` (dtype OBSERVATION) are in the file's order, each patient, device, metric and time once: the file's first.

    A row's `patient` is the position in `patients` (logical ids, sorted) plus 1, its `device` that in the sorted names
    of devices; without such a column all are of one.
    """

    patients: tuple[str, ...]
    rows: Columns
    duplicates: int
    refused: Refused
    ignored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What a patients' file says that rules must know; it holds for all times."""

    programmes: tuple[str, ...]
    spo2_target: SpO2Target | None = None
    zone: str = "UTC"
    born: date | None = None
    pregnant: bool = False


# ---------------------------------------------------------------- readings


@lru_cache(maxsize=_TIMES_KEPT)
def instant_ns(text: str) -> int:
    """UTC nanoseconds of RFC 3339 with a zone; raises NaiveTime or DeviceError."""
    found = times.instant(text.strip())
    if found is None or not -_INT64_MAX <= found.utc_ns <= _INT64_MAX:
        raise DeviceError("the time is outside the years 1678 to 2261; correct it", code="bad-time")
    return found.utc_ns


def value_json(text: str) -> str:
    """The value of the MQTT contract that a CSV field stands for; raises DeviceError."""
    if not text:
        raise DeviceError("the value is missing; leave the row out if nothing was measured", code="bad-value")
    if len(text) > _VALUE_CHARS_MAX:
        raise DeviceError(f"the value must be {_VALUE_FORMS}", code="bad-value")
    if _NUMBER.fullmatch(text):
        return text
    parts = [part.strip() for part in text.split("/")]
    if 2 <= len(parts) <= 3 and any(parts) and all(not part or _NUMBER.fullmatch(part) for part in parts):
        fields = zip(codes.PRESSURE_PARTS, parts, strict=False)
        return "{" + ",".join(f'"{name}":{part or "null"}' for name, part in fields) + "}"
    return text.lower() if text.lower() in ("true", "false") else json.dumps(text)


@lru_cache(maxsize=_TIMES_KEPT)
def marks_of(text: str) -> int:
    """Marks of a reading as the chart names them, such as `no-contact;clock-ahead`; raises DeviceError."""
    marks = 0
    for name in filter(None, map(str.strip, text.split(";"))):
        if name not in _MARKS:
            raise DeviceError(f"flag {name[:30]!r} is not known; flags are {', '.join(_MARKS)}", code="bad-flags")
        marks |= _MARKS[name]
    return marks


def understood(metric: str, value: str, unit: str) -> Sent:
    """One reading as the gateway understands it; raises DeviceError."""
    fields = f'"metric":{json.dumps(metric)},"value":{value_json(value)},"unit":{json.dumps(unit or None)}'
    (part,) = json_payload.parse(f"{{{fields}}}".encode()).parts
    if isinstance(part, Unusable):
        message = f"the value must be {_VALUE_FORMS}" if part.reason == "bad-value" else part.message
        raise DeviceError(message, code=part.reason)
    return part


class _Builder:
    """Collects rows as numbers. Each different (metric, value, unit) is understood once: in a history they repeat."""

    def __init__(self, table: Table) -> None:
        self._pick = itemgetter(*(table.place[title] for title in READING_COLUMNS))
        self._received, self._device, self._flags = (table.place.get(title) for title in OPTIONAL_COLUMNS)
        self._width = table.width
        self._patients: dict[str, int] = {}
        self._devices: dict[str, int] = {}
        self._measures: dict[tuple[str, str, str], int | DeviceError] = {}
        self._sent: list[Sent] = []
        self._patient, self._measure, self._time_ns, self._received_ns = (array("q") for _ in range(4))
        self._device_of, self._marks = array("q"), array("q")

    def take(self, row: list[str]) -> None:
        """One record; raises DeviceError for one that is no reading."""
        if len(row) != self._width:
            raise DeviceError(f"the row has {len(row)} fields, the first line {self._width}; correct its commas")
        patient, measured_at, *measure = self._pick(row)
        patient = patient.strip()
        if not patient:
            raise DeviceError("the patient is missing; write whose reading it is")
        time_ns = instant_ns(measured_at)
        received_at = "" if self._received is None else row[self._received]
        received_ns = instant_ns(received_at) if received_at and not received_at.isspace() else time_ns
        marks = 0 if self._flags is None else marks_of(row[self._flags])
        # Last, so that a patient or a device whose every row is refused isn't one.
        place = self._place(tuple(measure))
        device = "" if self._device is None else row[self._device].strip()
        if device not in self._devices and len(self._devices) == DEVICES_MAX:
            raise DeviceError(f"the file names more than {DEVICES_MAX} devices; split it", code="too-many-devices")
        self._device_of.append(self._devices.setdefault(device, len(self._devices)))
        self._marks.append(marks)
        self._patient.append(self._patients.setdefault(patient, len(self._patients)))
        self._measure.append(place)
        self._time_ns.append(time_ns)
        self._received_ns.append(received_ns)

    def _place(self, measure: tuple[str, str, str]) -> int:
        place = self._measures.get(measure)
        if place is None:
            metric, value, unit = (text.strip() for text in measure)
            try:
                self._sent.append(understood(metric, value, unit))
                place = len(self._sent) - 1
            except DeviceError as error:
                place = error
            self._measures[measure] = place
        if isinstance(place, DeviceError):
            raise DeviceError(place.message, code=place.code)
        return place

    def _table(self) -> Columns:
        """One row of dtype OBSERVATION for each different measure."""
        table = np.zeros(len(self._sent), OBSERVATION)
        for row, sent in zip(table, self._sent, strict=True):
            row["metric"], row["unit"] = codes.metric(sent.metric).number, units.unit(sent.unit).number
            row["values"], row["flags"], row["sequence"] = len(sent.values), sent.flags, NONE
            for place, value in enumerate(sent.values):
                row["value"][place], row["decimals"][place] = value.number, value.decimals
                row["absent"][place] = value.absent
        return table

    def build(self, refused: Refused, ignored: tuple[str, ...]) -> Readings:
        """Everything taken so far, each identity once."""
        rows = self._table()[_ints(self._measure)]
        names = sorted(self._patients)
        time_ns = _ints(self._time_ns)
        rows["patient"] = _sorted_keys(self._patients)[_ints(self._patient)]
        rows["device"] = _sorted_keys(self._devices)[_ints(self._device_of)]
        rows["flags"] |= _ints(self._marks).astype(rows["flags"].dtype)
        rows["device_time_ns"] = time_ns
        rows["measured_us"], rows["received_us"] = time_ns // 1000, _ints(self._received_ns) // 1000
        identities = np.zeros(len(rows), _ID)
        for name in ("patient", "metric", "device"):
            identities[name] = rows[name]
        identities["time_ns"] = time_ns
        rows["id"] = identities.view("V16")
        first = _first((rows["patient"], rows["device"], rows["metric"], time_ns))
        return Readings(tuple(names), rows[first], len(rows) - len(first), refused, ignored)


def _ints(column: array[int]) -> Ints:
    return np.frombuffer(column, dtype=np.int64)


def _sorted_keys(names: dict[str, int]) -> Ints:
    """Of each name, by its place, its position in the sorted names plus 1: the same whatever the file's order."""
    keys = np.zeros(len(names), np.int64)
    keys[[names[name] for name in sorted(names)]] = np.arange(1, len(names) + 1)
    return keys


def _first(identity: tuple[Any, ...]) -> Ints:
    """Positions, in order, of the first row of each identity, given by columns."""
    order = np.lexsort(identity)  # stable: equal ones stay in the file's order
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = False
    for column in identity:
        ordered = column[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    return np.sort(order[new])


def read_readings(path: Path, progress: Progress) -> Readings:
    """All readings of a file; refused rows are counted and told. `progress` is told bytes read and the file's size.

    Raises BadTable for wrong columns, CannotRead when the file can't be read or has no usable row.
    """
    refused = Refused()
    with open_file(path) as file:
        size = path.stat().st_size
        table = Table(file, str(path), READING_COLUMNS, OPTIONAL_COLUMNS)
        builder = _Builder(table)
        for number, (line, row) in enumerate(table.rows()):
            if number % _REPORT_ROWS == 0:
                progress(file.tell(), size)
            try:
                builder.take(row)
            except DeviceError as error:
                if any(row):  # spreadsheets leave rows of nothing but commas
                    refused.add(line, error.message)
        progress(size, size)
    readings = builder.build(refused, table.ignored)
    if not len(readings.rows):
        first = "".join(f"; line {line}: {reason}" for line, reason in refused.first[:1])
        raise CannotRead(f"{path} has no usable row ({refused.count} refused{first})")
    return readings


# ---------------------------------------------------------------- patients


def _known(fields: dict[str, str]) -> Known:
    """One row of a patients' file; raises ValueError with what is wrong."""
    programmes = tuple(part.strip() for part in re.split("[;|]", fields["programme"]) if part.strip())
    for programme in programmes:
        if programme not in SHIPPED:
            raise ValueError(f"there is no programme {programme[:60]!r}; choose from {', '.join(SHIPPED)}")
    born = None
    if fields.get("born"):
        try:
            born = date.fromisoformat(fields["born"])
        except ValueError:
            raise ValueError("born is not a date; write it as 1951-03-28") from None
    zone = fields.get("zone") or "UTC"
    if zone not in available_timezones():
        raise ValueError("zone is no time zone; write an IANA name such as Europe/Berlin")
    pregnant = fields.get("pregnant", "").lower()
    if pregnant not in _NO | _YES:
        raise ValueError("pregnant must be true, false or empty")
    return Known(programmes, _target(fields.get("spo2_target")), zone, born, pregnant in _YES)


def _target(text: str | None) -> SpO2Target | None:
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{2})\s*-\s*([0-9]{2,3})", text)
    if found is None or not 50 <= int(found[1]) < int(found[2]) <= 100:
        raise ValueError("spo2_target is LOW-HIGH in percent, such as 88-92")
    return SpO2Target(int(found[1]), int(found[2]))


def read_patients(path: Path) -> tuple[dict[str, Known], tuple[str, ...]]:
    """What is known of each patient, and the columns that were not used.

    Unlike a reading, a row that is wrong stops everything: with a patient's programmes unknown every alert would be in
    doubt. Raises BadTable or CannotRead.
    """
    known: dict[str, Known] = {}
    with open_file(path) as file:
        table = Table(file, str(path), PATIENT_COLUMNS, _KNOWN)
        for line, row in table.rows():
            if not any(row):
                continue
            if len(row) != table.width:
                raise BadTable(f"{path}, line {line}: it has {len(row)} fields, the first line {table.width}")
            fields = {title: row[place].strip() for title, place in table.place.items()}
            patient = fields["patient"]
            if not patient or patient in known:
                raise BadTable(f"{path}, line {line}: the patient is {'there twice' if patient else 'missing'}")
            try:
                known[patient] = _known(fields)
            except ValueError as error:
                raise BadTable(f"{path}, line {line}: {error}") from None
    return known, table.ignored
