"""Every combination of flags and every special value of the common profiles, and any bytes at all.

Frames are put together here from fields typed as the specifications give them; how long a frame must be is said a
second time, apart from the decoders.
"""

from __future__ import annotations

import random
import secrets
import time
from datetime import UTC, datetime

import pytest

from device_gateway.decoders.registry import decoder
from device_gateway.payloads import gatt_payload
from device_gateway.payloads.model import Sent
from vitals.errors import DecodeError
from vitals.reading import Absent, Flag

# 2024-06-23 14:35:10
TIME = bytes.fromhex("e80706170e230a")
TIME_US = int(datetime(2024, 6, 23, 14, 35, 10, tzinfo=UTC).timestamp()) * 1_000_000

#: SFLOAT's five special values, IEEE 11073-20601 annex F.
SPECIAL = {
    "ff07": Absent.NOT_A_NUMBER,
    "0008": Absent.ERROR,  # NRes, not at this resolution
    "fe07": Absent.POSITIVE_INFINITY,
    "0208": Absent.NEGATIVE_INFINITY,
    "0108": Absent.ERROR,  # reserved
}
#: FLOAT's.
SPECIAL_FLOAT = {
    "ffff7f00": Absent.NOT_A_NUMBER,
    "00008000": Absent.ERROR,
    "feff7f00": Absent.POSITIVE_INFINITY,
    "02008000": Absent.NEGATIVE_INFINITY,
    "01008000": Absent.ERROR,
}

#: For each characteristic: its fixed part after the flags, then for each flag bit the field that it announces.
FIELDS: dict[str, tuple[bytes, dict[int, bytes]]] = {
    "2a35": (
        bytes.fromhex("8000 4f00 5f00"),
        {0x02: TIME, 0x04: bytes.fromhex("4800"), 0x08: b"\x01", 0x10: bytes.fromhex("0400")},
    ),
    "2a5e": (
        bytes.fromhex("6100 4800"),
        {0x01: TIME, 0x02: bytes.fromhex("2000"), 0x04: bytes.fromhex("200000"), 0x08: bytes.fromhex("1ff0")},
    ),
    "2a5f": (
        bytes.fromhex("6100 4800"),
        {
            0x01: bytes.fromhex("6000 4900"),
            0x02: bytes.fromhex("5f00 4a00"),
            0x04: bytes.fromhex("2000"),
            0x08: bytes.fromhex("200000"),
            0x10: bytes.fromhex("1ff0"),
        },
    ),
    "2a1c": (bytes.fromhex("6e0100ff"), {0x02: TIME, 0x04: b"\x06"}),
    "2a9d": (bytes.fromhex("b036"), {0x02: TIME, 0x04: b"\x01", 0x08: bytes.fromhex("e700 d606")}),
}
ALL_FLAGS = range(0x100)
UUIDS = ("2a19", "2a1c", "2a35", "2a37", "2a5e", "2a5f", "2a9d")


def frame_of(uuid: str, flags: int) -> bytes:
    fixed, fields = FIELDS[uuid]
    return bytes((flags,)) + fixed + b"".join(field for bit, field in fields.items() if flags & bit)


def texts(uuid: str, frame: bytes) -> dict[str, list[str | None]]:
    return {one.metric: [value.text for value in one.values] for one in decoder(uuid)(frame)}


@pytest.mark.parametrize("flags", ALL_FLAGS)
def test_blood_pressure_with_any_flags(flags: int) -> None:
    decoded = decoder("2a35")(frame_of("2a35", flags))
    assert [one.metric for one in decoded] == ["blood_pressure", "pulse_rate_cuff"][: 2 if flags & 0x04 else 1]
    assert [value.text for value in decoded[0].values] == ["128", "79", "95"]
    assert decoded[0].unit == ("kPa" if flags & 0x01 else "mm[Hg]")
    assert [one.values[0].text for one in decoded[1:]] == ["72"] * (len(decoded) - 1)
    for one in decoded:
        assert one.local_us == (TIME_US if flags & 0x02 else None)
        assert Flag(one.flags) == (Flag.IRREGULAR_PULSE if flags & 0x10 else Flag(0))


@pytest.mark.parametrize("flags", ALL_FLAGS)
def test_spot_oximeter_with_any_flags(flags: int) -> None:
    decoded = decoder("2a5e")(frame_of("2a5e", flags))
    expected = {"spo2": ["97"], "pulse_rate_oximeter": ["72"]} | ({"perfusion_index": ["3.1"]} if flags & 0x08 else {})
    assert texts("2a5e", frame_of("2a5e", flags)) == expected
    marks = (
        (Flag.MEASUREMENT_ONGOING if flags & 0x02 else Flag(0))
        | (Flag.LOW_PERFUSION if flags & 0x04 else Flag(0))
        | (Flag.CLOCK_UNSET if flags & 0x10 else Flag(0))
    )
    assert {Flag(one.flags) for one in decoded} == {marks}
    assert {one.local_us for one in decoded} == {TIME_US if flags & 0x01 else None}


@pytest.mark.parametrize("flags", ALL_FLAGS)
def test_continuous_oximeter_with_any_flags(flags: int) -> None:
    decoded = decoder("2a5f")(frame_of("2a5f", flags))
    expected = {"spo2": ["97"], "pulse_rate_oximeter": ["72"]} | ({"perfusion_index": ["3.1"]} if flags & 0x10 else {})
    assert texts("2a5f", frame_of("2a5f", flags)) == expected
    marks = (Flag.MEASUREMENT_ONGOING if flags & 0x04 else Flag(0)) | (Flag.LOW_PERFUSION if flags & 0x08 else Flag(0))
    assert {Flag(one.flags) for one in decoded} == {marks}


@pytest.mark.parametrize("flags", ALL_FLAGS)
def test_thermometer_with_any_flags(flags: int) -> None:
    (one,) = decoder("2a1c")(frame_of("2a1c", flags))
    assert (one.metric, one.values[0].text) == ("body_temp_oral" if flags & 0x04 else "body_temp", "36.6")
    assert one.unit == ("[degF]" if flags & 0x01 else "Cel")
    assert one.local_us == (TIME_US if flags & 0x02 else None)


@pytest.mark.parametrize("flags", ALL_FLAGS)
def test_weight_with_any_flags(flags: int) -> None:
    imperial = flags & 0x01
    # 14000 x 0.005 kg or 0.01 lb; 1750 x 0.001 m or 0.1 in
    expected: dict[str, list[str]] = {"body_weight": ["140.00" if imperial else "70.000"]}
    if flags & 0x08:
        expected |= {"bmi": ["23.1"], "body_height": ["175.0" if imperial else "1.750"]}
    assert texts("2a9d", frame_of("2a9d", flags)) == expected


@pytest.mark.parametrize("flags", ALL_FLAGS)
def test_heart_rate_with_any_flags(flags: int) -> None:
    frame = bytes((flags,)) + (b"\x2c\x01" if flags & 0x01 else b"\x48")
    frame += (b"\x64\x00" if flags & 0x08 else b"") + (bytes.fromhex("4003 5003") if flags & 0x10 else b"")
    (one,) = decoder("2a37")(frame)
    assert one.values[0].text == ("300" if flags & 0x01 else "72")
    assert Flag(one.flags) == (Flag.NO_CONTACT if flags & 0x06 == 0x04 else Flag(0))


@pytest.mark.parametrize("position", range(4))
@pytest.mark.parametrize(("bits", "reason"), SPECIAL.items())
def test_each_pressure_and_the_pulse_may_be_absent_by_itself(position: int, bits: str, reason: Absent) -> None:
    fields = ["8000", "4f00", "5f00", "4800"]
    fields[position] = bits
    pressure, pulse = decoder("2a35")(bytes.fromhex("04" + "".join(fields)))
    absents = [value.absent for value in (*pressure.values, *pulse.values)]
    assert absents == [reason if index == position else Absent.PRESENT for index in range(4)]


@pytest.mark.parametrize(("uuid", "flags"), [("2a5e", "08"), ("2a5f", "10")])
@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize(("bits", "reason"), SPECIAL.items())
def test_each_value_of_an_oximeter_may_be_absent(
    uuid: str, flags: str, position: int, bits: str, reason: Absent
) -> None:
    fields = ["6100", "4800", "1ff0"]
    fields[position] = bits
    absents = [one.values[0].absent for one in decoder(uuid)(bytes.fromhex(flags + "".join(fields)))]
    assert absents == [reason if index == position else Absent.PRESENT for index in range(3)]


@pytest.mark.parametrize("unit", ["00", "01"])
@pytest.mark.parametrize(("bits", "reason"), SPECIAL_FLOAT.items())
def test_a_temperature_may_be_absent_in_either_unit(unit: str, bits: str, reason: Absent) -> None:
    (one,) = decoder("2a1c")(bytes.fromhex(unit + bits))
    assert one.values[0].absent is reason


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("abf0", "17.1"),  # 171 x 10^-1
        ("ab e6", "17.07"),  # 0x6ab = 1707 x 10^-2
        ("1100", "17"),
        ("abd6", "1.707"),  # 1707 x 10^-3
        ("0000", "0"),
    ],
)
def test_kilopascals_keep_their_decimals(field: str, text: str) -> None:
    (one,) = decoder("2a35")(bytes.fromhex("01" + field * 3))
    assert ([value.text for value in one.values], one.unit) == ([text] * 3, "kPa")


@pytest.mark.parametrize("user", [0x00, 0x01, 0xFE, 0xFF])  # 0xff: unknown user
def test_whoever_the_user_is_the_values_are_the_same(user: int) -> None:
    frame = bytes.fromhex("0c 8000 4f00 5f00 4800") + bytes((user,))
    assert texts("2a35", frame) == {"blood_pressure": ["128", "79", "95"], "pulse_rate_cuff": ["72"]}
    assert texts("2a9d", bytes.fromhex("04 b036") + bytes((user,))) == {"body_weight": ["70.000"]}


@pytest.mark.parametrize("bit", range(16))
def test_each_status_bit_by_itself(bit: int) -> None:
    # Blood Pressure Measurement Status: 0 movement, 1 cuff, 2 irregular, 3-4 pulse range, 5 position; the rest reserved
    known = (
        Flag.BODY_MOVEMENT,
        Flag.CUFF_LOOSE,
        Flag.IRREGULAR_PULSE,
        Flag.PULSE_RANGE,
        Flag.PULSE_RANGE,
        Flag.BAD_POSITION,
    )
    frame = bytes.fromhex("10 8000 4f00 5f00") + (1 << bit).to_bytes(2, "little")
    (one,) = decoder("2a35")(frame)
    assert Flag(one.flags) == (known[bit] if bit < len(known) else Flag(0))


def length_of(uuid: str, frame: bytes) -> set[int]:
    """The lengths that the specification allows a frame with these flags."""
    if uuid == "2a19":
        return {1}
    flags = frame[0]
    if uuid == "2a37":
        shortest = 3 if flags & 0x01 else 2
        shortest += 2 if flags & 0x08 else 0
        # As many RR intervals as there are, at least one; no attribute is longer than 512 bytes.
        return set(range(shortest + 2, 513, 2)) if flags & 0x10 else {shortest}
    return {len(frame_of(uuid, flags))}


def any_frames(rng: random.Random, count: int) -> list[tuple[str, bytes]]:
    """Half of them noise, half good frames with bytes changed, cut off, doubled or added."""
    frames = []
    for _ in range(count):
        uuid = rng.choice(UUIDS)
        if rng.random() < 0.5 or uuid not in FIELDS:
            frame = rng.randbytes(rng.choice((0, 1, 2, 3, 5, 8, 13, 20, 30, 64, 512)))
        else:
            frame = frame_of(uuid, rng.randrange(0x100))
            for _ in range(rng.randrange(3)):
                at = rng.randrange(len(frame) + 1)
                cut = rng.randrange(3)
                frame = frame[:at] + rng.randbytes(rng.randrange(3)) + frame[at + cut :]
        frames.append((uuid, frame))
    return frames


@pytest.mark.parametrize(("count", "seed"), [(20_000, 20240623), pytest.param(200_000, None, marks=pytest.mark.long)])
def test_any_bytes_are_whole_readings_or_refused(count: int, seed: int | None) -> None:
    seed = secrets.randbits(64) if seed is None else seed
    frames = any_frames(random.Random(seed), count)
    accepted = 0
    slowest_s = 0.0
    for uuid, frame in frames:
        began_s = time.perf_counter()
        try:
            decoded = decoder(uuid)(frame)
        except DecodeError as error:
            assert error.code in {"truncated", "trailing-bytes", "unrepresentable"}, (seed, uuid, frame.hex())
            decoded = ()
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
        if decoded:
            accepted += 1
            assert len(frame) in length_of(uuid, frame), (seed, uuid, frame.hex())
        parts = gatt_payload.parse(uuid, frame, None, None).parts
        assert [type(part) is Sent for part in parts] == [True] * len(decoded) or [False], (seed, uuid, frame.hex())
    assert count // 20 < accepted < count
    assert slowest_s < 1.0  # nothing loops; a busy machine may well take a decoder's core away for a while
