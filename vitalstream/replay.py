"""A recorded history over MQTT, as its devices would have sent it: the CSV of `backtest`, in the order of arrival.

Recorded times are kept: a reading carries the time at which it was measured, and lies that far in the past. What
arrived together is sent together; the gaps between arrivals pass `speed` times faster than they were.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from simulators.mqtt_device import MqttDevice
from storage.connection import Connection
from storage.registry.devices import add_device
from storage.registry.patients import NewPatient, add_patient
from storage.sql import sql
from vitals import codes
from vitals.errors import DeviceError, OperatorError, PartnerError
from vitals.reading import Flag
from vitalstream.backtest_csv import (
    OPTIONAL_COLUMNS,
    READING_COLUMNS,
    Known,
    Refused,
    instant_ns,
    marks_of,
    understood,
    value_json,
)
from vitalstream.csv_table import CannotRead, Table, open_file
from vitalstream.simulate import Door

#: Devices registered here are told apart from real ones by name: their passwords are ours to change.
PREFIX = "replay-"
#: Each device is a paho client of three file descriptors, and paho's select() takes none above 1,024.
DEVICES_MAX = 300
#: Messages of one device that may be unanswered: more would only fill memory here.
_UNANSWERED_MAX = 200
#: How long devices may take to sign in, and answers to come.
_CONNECT_S, _ANSWER_S = 10.0, 30.0
_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AUTHOR = "replay"


@dataclass(frozen=True, slots=True)
class Row:
    """One reading to publish; `element` is its JSON object."""

    arrival_ns: int
    measured_ns: int
    patient: str
    device: str
    element: str


@dataclass(frozen=True, slots=True)
class Recording:
    """Rows in the order of arrival; `refused` counts those that are no readings."""

    rows: tuple[Row, ...]
    refused: Refused

    @property
    def devices(self) -> list[str]:
        """All devices, sorted."""
        return sorted({row.device for row in self.rows})

    @property
    def seconds(self) -> float:
        """From the first arrival to the last."""
        return (self.rows[-1].arrival_ns - self.rows[0].arrival_ns) / _NS


@lru_cache(maxsize=65_536)  # in a history values repeat
def _measure(metric: str, value: str, unit: str) -> str:
    understood(metric, value, unit)
    return f'"metric":{json.dumps(metric)},"value":{value_json(value)},"unit":{json.dumps(unit or None)}'


def _element(metric: str, value: str, unit: str, measured_at: str, marks: int) -> str:
    fields = _measure(metric, value, unit)
    if marks & Flag.NO_CONTACT and codes.metric(metric).shape != "device-status":
        # JSON has no mark on a value: a value without contact is no value, only the word that there was none.
        fields = '"metric":"sensor_contact","value":false,"unit":"1"'
    return f'{{{fields},"at":{json.dumps(measured_at)}}}'


def read_recording(path: Path, prefix: str) -> Recording:
    """The rows of a file; a device is called `prefix` and its name, or its patient's where the file names none.

    Raises BadTable for wrong columns, CannotRead when the file can't be read or has no usable row.
    """
    refused = Refused()
    rows: list[Row] = []
    with open_file(path) as file:
        table = Table(file, str(path), READING_COLUMNS, OPTIONAL_COLUMNS)
        for line, fields in table.rows():
            try:
                if len(fields) != table.width:
                    raise DeviceError(f"the row has {len(fields)} fields, the first line {table.width}")
                rows.append(_row({title: fields[place].strip() for title, place in table.place.items()}, prefix))
            except DeviceError as error:
                if any(fields):
                    refused.add(line, error.message)
    if not rows:
        first = "".join(f"; line {line}: {reason}" for line, reason in refused.first[:1])
        raise CannotRead(f"{path} has no usable row ({refused.count} refused{first})")
    rows.sort(key=lambda row: row.arrival_ns)
    return Recording(tuple(rows), refused)


def _row(fields: Mapping[str, str], prefix: str) -> Row:
    if not fields["patient"]:
        raise DeviceError("the patient is missing; write whose reading it is")
    measured_ns = instant_ns(fields["measured_at"])
    element = _element(
        fields["metric"], fields["value"], fields["unit"], fields["measured_at"], marks_of(fields.get("flags", ""))
    )
    return Row(
        arrival_ns=instant_ns(fields["received_at"]) if fields.get("received_at") else measured_ns,
        measured_ns=measured_ns,
        patient=fields["patient"],
        device=prefix + (fields.get("device") or fields["patient"]),
        element=element,
    )


def bindings(recording: Recording) -> dict[str, list[tuple[int, str]]]:
    """Whose each device is from when on (UTC nanoseconds), by whose its readings are."""
    found: dict[str, list[tuple[int, str]]] = {}
    for row in sorted(recording.rows, key=lambda row: (row.device, row.measured_ns)):
        periods = found.setdefault(row.device, [])
        if not periods or periods[-1][1] != row.patient:
            if periods and periods[-1][0] == row.measured_ns:
                raise OperatorError(
                    f"device {row.device} has readings of two patients at one time: correct the file",
                    code="two-patients",
                )
            periods.append((row.measured_ns, row.patient))
    return found


async def register(connection: Connection, recording: Recording, known: Mapping[str, Known]) -> dict[str, str]:
    """Registers patients that aren't yet (`known`: what is told of them) and devices of ours; returns the passwords.

    A device that is there from a replay before gets a new password and keeps its bindings. Raises OperatorError.
    """
    for patient in sorted({row.patient for row in recording.rows}):
        if await (await connection.execute(sql("patient_key"), {"id": patient})).fetchone() is None:
            await add_patient(connection, _new_patient(patient, known.get(patient, Known(()))), author=_AUTHOR)
    passwords = {}
    now = datetime.now(UTC)
    for device, periods in bindings(recording).items():
        there = await (await connection.execute(sql("lock_device"), {"id": device})).fetchone()
        for since_ns, patient in [] if there else periods:
            since = _EPOCH + timedelta(microseconds=since_ns // 1000)
            made = await add_device(connection, device, patient, since, now, author=_AUTHOR)
            passwords[device] = made.password
        if there:
            passwords[device] = (await add_device(connection, device, None, None, now, author=_AUTHOR)).password
    return passwords


def _new_patient(patient: str, facts: Known) -> NewPatient:
    target = facts.spo2_target
    return NewPatient(
        id=patient,
        born=facts.born,
        zone=facts.zone,
        programmes=facts.programmes,
        spo2_target=None if target is None else (target.low, target.high),
        pregnant=facts.pregnant,
    )


def publish(
    door: Door, recording: Recording, passwords: Mapping[str, str], speed: float, say: Callable[[str], None]
) -> dict[str, int]:
    """Publishes everything and waits for the answers; readings published, acknowledged, refused.

    Raises OperatorError when a device can't sign in, PartnerError when answers stay away.
    """
    devices = {name: MqttDevice(name, passwords[name], "json") for name in recording.devices}
    try:
        _connect(door, devices)
        say(f"{len(devices)} devices are connected; {recording.seconds / speed:.0f} s to go")
        begun_s, first_ns = time.monotonic(), recording.rows[0].arrival_ns
        for (arrival_ns, name), rows in groupby(recording.rows, key=lambda row: (row.arrival_ns, row.device)):
            due_s = begun_s + (arrival_ns - first_ns) / _NS / speed
            time.sleep(max(0.0, due_s - time.monotonic()))
            _wait(devices[name], _UNANSWERED_MAX)
            devices[name].publish_elements([row.element for row in rows])
        for device in devices.values():
            _wait(device, 0)
    finally:
        for device in devices.values():
            device.drop()
    counts = [device.counts for device in devices.values()]
    return {
        "published": sum(one.published for one in counts),
        "acknowledged": sum(one.acknowledged for one in counts),
        "refused": sum(one.refused for one in counts),
    }


def _connect(door: Door, devices: Mapping[str, MqttDevice]) -> None:
    for device in devices.values():
        device.connect(door.host, door.port)
    deadline = time.monotonic() + _CONNECT_S
    for name, device in devices.items():
        if not device.connected.wait(max(0.0, deadline - time.monotonic())):
            raise OperatorError(
                f"device {name} could not sign in at {door.host}:{door.port}: check its credentials", code="no-sign-in"
            )


def _wait(device: MqttDevice, unanswered: int) -> None:
    """Until at most so many messages of the device are unanswered."""
    deadline = time.monotonic() + _ANSWER_S
    while device.waiting() > unanswered:
        if time.monotonic() > deadline:
            raise PartnerError(f"nothing was acknowledged for {_ANSWER_S:.0f} s; look at the system, then run it again")
        time.sleep(0.005)


def unknown_devices(recording: Recording, passwords: Mapping[str, str]) -> Sequence[str]:
    """Devices of the recording that there are no credentials of."""
    return [device for device in recording.devices if device not in passwords]
