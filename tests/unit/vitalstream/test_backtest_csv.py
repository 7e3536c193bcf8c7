"""CSV for backtests: spreadsheets' files are read, what can't be a reading is refused with its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from vitals.events import SpO2Target
from vitals.reading import Flag
from vitalstream.backtest_csv import REFUSALS_TOLD, Known, Readings, read_patients, read_readings
from vitalstream.csv_table import BadTable, CannotRead

HEADER = "patient,measured_at,metric,value,unit\n"
GOOD = "a,2026-03-01T10:00:00Z,spo2,97,%\n"


def quietly(done: int, total: int) -> None:
    assert done <= total


def read(folder: Path, text: str | bytes) -> Readings:
    file = folder / "readings.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_readings(file, quietly)


def test_a_spreadsheet_s_file_is_read(tmp_path: Path) -> None:
    text = (
        "\ufeffUnit,Value,Metric,Measured_at,Patient,Ward\r\n"
        "C,36.60,body_temp,2026-03-01 10:00:00Z, Åsa \r\n"
        "\r\n"
        ",,,,,\r\n"
        '%,"97",spo2,2026-03-01T10:00:00.5-05:00,"x, y",7\r\n'
    )
    with pytest.raises(CannotRead, match="line 2: the row has 5 fields, the first line 6"):
        read(tmp_path, text.replace('%,"97",spo2,2026-03-01T10:00:00.5-05:00,"x, y",7\r\n', ""))
    readings = read(tmp_path, text.replace(" Åsa ", " Åsa ,"))
    assert readings.patients == ("x, y", "Åsa")
    assert readings.ignored == ("ward",)
    assert readings.refused.count == 0
    temperature, saturation = readings.rows
    assert (temperature["patient"], temperature["value"][0], temperature["decimals"][0]) == (2, 36.6, 2)
    assert saturation["measured_us"] == saturation["received_us"] == 1_772_377_200_500_000


def test_improbable_values_are_marked_like_the_gateway_s(tmp_path: Path) -> None:
    values = ("body_temp,45.1,C", "body_temp,45,C", "body_temp,113.1,F", "blood_pressure,80/90,mmHg")
    rows = [f"a,2026-03-01T10:0{n}:00Z,{value}\n" for n, value in enumerate(values)]
    flags = read(tmp_path, HEADER + "".join(rows)).rows["flags"].tolist()
    assert [bool(flag & Flag.IMPROBABLE) for flag in flags] == [True, False, True, True]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,2026-03-01T10:00:00,spo2,97,%", "no zone"),
        ("a,2026-03-01,spo2,97,%", "RFC 3339"),
        ("a,,spo2,97,%", "RFC 3339"),
        ("a,1772359200,spo2,97,%", "RFC 3339"),
        ("a,2026-02-30T10:00:00Z,spo2,97,%", "no such day"),
        ("a,1400-01-01T10:00:00Z,spo2,97,%", "1678 to 2261"),
        (",2026-03-01T10:00:00Z,spo2,97,%", "patient is missing"),
        ("a,2026-03-01T10:00:00Z,mood,97,%", "metric 'mood'"),
        ("a,2026-03-01T10:00:00Z,cgm_gmi,7,%", "calculated from others"),
        ("a,2026-03-01T10:00:00Z,spo2,97,mmHg", "can't be measured"),
        ("a,2026-03-01T10:00:00Z,spo2,97,", "no unit"),
        ("a,2026-03-01T10:00:00Z,spo2,97,furlong", "'furlong' is not known"),
        ("a,2026-03-01T10:00:00Z,spo2,,%", "value is missing"),
        ("a,2026-03-01T10:00:00Z,spo2,high,%", "must be a number"),
        ("a,2026-03-01T10:00:00Z,spo2,+97,%", "must be a number"),
        ("a,2026-03-01T10:00:00Z,spo2,98/97,%", "must be a number"),
        ("a,2026-03-01T10:00:00Z,spo2,NaN,%", "finite"),
        ("a,2026-03-01T10:00:00Z,spo2,1e308,%", "digits"),
        ("a,2026-03-01T10:00:00Z,spo2," + "9" * 65 + ",%", "must be a number"),
        ("a,2026-03-01T10:00:00Z,blood_pressure,128,mmHg", "128/79"),
        ("a,2026-03-01T10:00:00Z,blood_pressure,/,mmHg", "128/79"),
        ("a,2026-03-01T10:00:00Z,blood_pressure,1/2/3/4,mmHg", "128/79"),
        ("a,2026-03-01T10:00:00Z,spo2,97,%,x", "6 fields"),
        ("a,2026-03-01T10:00:00Z", "2 fields"),
    ],
)
def test_a_row_that_is_no_reading_is_refused_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    readings = read(tmp_path, HEADER + GOOD + row + "\n" + row + "\n" + GOOD.replace("a,", "b,"))
    assert [line for line, _ in readings.refused.first] == [3, 4]
    assert all(said in reason for _, reason in readings.refused.first)
    assert readings.patients == ("a", "b")
    assert readings.rows["value"][:, 0].tolist() == [97, 97]


@pytest.mark.parametrize("value", ["true", "FALSE"])
def test_words_are_values_where_the_gateway_takes_them(tmp_path: Path, value: str) -> None:
    rows = f"a,2026-03-01T10:00:00Z,oxygen_in_use,{value},\na,2026-03-01T10:00:00Z,consciousness,V,1\n"
    assert read(tmp_path, HEADER + rows).rows["value"][:, 0].tolist() == [float(value == "true"), 2.0]


def test_many_refused_rows_are_all_counted(tmp_path: Path) -> None:
    readings = read(tmp_path, HEADER + GOOD + "a,now,spo2,97,%\n" * (REFUSALS_TOLD + 5))
    assert len(readings.refused.first) == REFUSALS_TOLD
    assert readings.refused.count == REFUSALS_TOLD + 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n", "is empty"),
        (b"patient,metric,value,unit\n", "no column 'measured_at'"),
        (b"patient;measured_at;metric;value;unit\n", "no column 'patient'"),
        (b"patient,measured_at,metric,value,unit,value\n", "'value' twice"),
    ],
)
def test_a_file_with_other_columns_is_bad_use(tmp_path: Path, text: bytes, said: str) -> None:
    with pytest.raises(BadTable, match=said):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER.encode(), "no usable row"),
        (HEADER.encode() + b"a,now,spo2,97,%\n", "1 refused; line 2: the time"),
        (HEADER.encode() + GOOD.encode() + b"\xe5sa,2026-03-01T10:00:00Z,spo2,97,%\n", "not UTF-8"),
        (HEADER.encode() + GOOD.encode() + b'"a,2026-03-01T10:00:00Z,spo2,97,%\n', "can't be read after line 3"),
    ],
)
def test_a_file_that_can_t_be_read(tmp_path: Path, text: bytes, said: str) -> None:
    with pytest.raises(CannotRead, match=said):
        read(tmp_path, text)


def test_a_folder_can_t_be_read(tmp_path: Path) -> None:
    with pytest.raises(CannotRead, match="directory"):
        read_readings(tmp_path, quietly)


# ---------------------------------------------------------------- patients


def test_patients_are_read(tmp_path: Path) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(
        "\ufeffpatient,born,zone,programme,spo2_target,pregnant,ward\n"
        "a,1951-03-28,Europe/Berlin,copd; hypertension,88-92,false,7\n"
        "b,,,heart-failure|copd,94-98,,\n"
        "c,,,,,yes,\n"
        ",,,,,,\n",
        encoding="utf-8",
    )
    assert read_patients(file) == (
        {
            "a": Known(("copd", "hypertension"), SpO2Target(88, 92), "Europe/Berlin", date(1951, 3, 28)),
            "b": Known(("heart-failure", "copd"), SpO2Target(94, 98)),
            "c": Known((), pregnant=True),
        },
        ("ward",),
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,,,gout,,", "no programme 'gout'"),
        ("a,28.3.51,,,,", "born"),
        ("a,,Berlin,,,", "zone"),
        ("a,,,,92-88,", "spo2_target"),
        ("a,,,,high,", "spo2_target"),
        ("a,,,,,maybe", "pregnant"),
        ("z,,,,,", "there twice"),
        (",,,copd,,", "missing"),
        ("a,,", "3 fields"),
    ],
)
def test_a_wrong_row_of_patients_stops_everything(tmp_path: Path, row: str, said: str) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(f"patient,born,zone,programme,spo2_target,pregnant\nz,,,,,\n{row}\n", encoding="utf-8")
    with pytest.raises(BadTable, match=f"line 3: .*{said}"):
        read_patients(file)


# ---------------------------------------------------------------- devices and flags

MORE = "patient,measured_at,metric,value,unit,device,flags\n"


def test_devices_are_series_of_their_own(tmp_path: Path) -> None:
    rows = "".join(f"a,2026-03-01T10:00:00Z,spo2,{value},%,{device},\n" for device, value in (("y", 90), ("x", 91)))
    readings = read_text(tmp_path, MORE + rows + "a,2026-03-01T10:00:00Z,spo2,92,%,y,\n")
    assert readings.rows["device"].tolist() == [2, 1]
    assert readings.rows["value"][:, 0].tolist() == [90, 91]
    assert readings.duplicates == 1
    assert len(set(readings.rows["id"].tolist())) == 2
    assert readings.ignored == ()


def test_flags_are_marks_of_the_chart(tmp_path: Path) -> None:
    rows = [
        ("heart_rate,34,bpm,s", "no-contact"),
        ("body_temp,36.6,C,t", " clock-ahead; questionable "),
        ("spo2,10,%,o", ""),
        ("spo2,97,%,p", "hurried"),
        ("spo2,97,%,p", "improbable"),
    ]
    readings = read_text(tmp_path, MORE + "".join(f"a,2026-03-01T10:00:00Z,{row},{flags}\n" for row, flags in rows))
    flags = [Flag(int(one)) for one in readings.rows["flags"]]
    assert flags[:2] == [Flag.NO_CONTACT, Flag.CLOCK_AHEAD | Flag.QUESTIONABLE]
    assert flags[2] & Flag.IMPROBABLE, "found by the value, as everywhere"
    assert readings.refused.count == 2
    assert "'hurried' is not known" in readings.refused.first[0][1]


def test_what_a_score_and_a_technical_rule_want_is_read(tmp_path: Path) -> None:
    rows = ["consciousness,A,", "consciousness,V,1", "oxygen_in_use,false,", "oxygen_in_use,TRUE,1", "battery,87,%"]
    rows += ["sensor_contact,false,1", "oxygen_flow,2,L/min"]
    lines = [f"a,2026-03-01T10:00:0{place}Z,{row}\n" for place, row in enumerate(rows)]
    readings = read_text(tmp_path, "patient,measured_at,metric,value,unit\n" + "".join(lines))
    assert readings.refused.first == []
    assert readings.rows["value"][:, 0].tolist() == [0, 2, 0, 1, 87, 0, 2]


def read_text(folder: Path, text: str) -> Readings:
    file = folder / "more.csv"
    file.write_text(text, encoding="utf-8")
    return read_readings(file, lambda done, total: None)
