"""The rows' own pieces, without what they measure: the load's packets, the least server, the rhythm, the percentile."""

from __future__ import annotations

import pytest

from benchmarks import __main__ as command
from benchmarks.framing_server import answer
from benchmarks.mqtt_load import CONNACK, connect_packet, publish_packet, publishes
from benchmarks.rows.latency import PATIENTS, nearest_rank, rhythm
from device_gateway.mqtt.framing import parse
from device_gateway.mqtt.packets import Connect, Publish


def test_all_rows_are_found() -> None:
    names = [row.name for row in command.find_rows(command.HERE / "rows")]
    assert {"ingest", "stream", "latency-p50", "latency-p99", "rules-online", "rules-oracle"} <= set(names)
    assert len(names) == len(set(names))


def test_the_load_speaks_mqtt() -> None:
    signed, end = parse(bytearray(connect_packet("cuff-1", "secret")), 0, None) or (None, 0)
    assert isinstance(signed, Connect)
    assert (signed.client_id, signed.user, signed.password, signed.clean_start) == ("cuff-1", "cuff-1", b"secret", True)
    assert end == len(connect_packet("cuff-1", "secret"))
    packets = publishes("cuff-1", 3, base_ms=1_790_000_000_000)
    taken = [(parse(bytearray(packet), 0, signed.version) or (None, 0))[0] for packet in packets]
    assert [(one.topic, one.qos, one.packet_id) for one in taken if isinstance(one, Publish)] == [
        ("vitalstream/v1/cuff-1/readings", 1, packet_id) for packet_id in (1, 2, 3)
    ]


def test_the_least_server_answers_whole_packets_only() -> None:
    data = (
        connect_packet("cuff-1", "secret") + publish_packet("cuff-1", 7, b"{}") + publish_packet("a", 258, b"x" * 300)
    )
    answers = CONNACK + b"\x40\x02\x00\x07" + b"\x40\x02\x01\x02"
    assert answer(data) == (answers, b"")
    for cut in range(len(data)):
        first, rest = answer(data[:cut])
        second, nothing = answer(rest + data[cut:])
        assert (first + second, nothing) == (answers, b"")


def test_each_patient_is_quiet_before_the_limit_is_crossed() -> None:
    seen: dict[int, list[int]] = {}
    for _, patient, breaths in rhythm():
        seen.setdefault(patient, []).append(breaths)
    assert sorted(seen) == list(range(PATIENTS))
    assert all(breaths.count(26) == 1 and breaths.index(16) < breaths.index(26) for breaths in seen.values())


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (75, 3.0), (99, 4.0)])
def test_a_percentile_is_one_of_the_figures(percent: int, expected: float) -> None:
    assert nearest_rank([4.0, 1.0, 3.0, 2.0], percent) == expected
