"""The beginning of raw bytes, as people see it."""

from __future__ import annotations

import pytest

from storage.chart.quarantine import preview


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b'{"metric":"spo2"}', '{"metric":"spo2"}'),
        (b"MSH|^~\\&|a\rPID|1\r", "MSH|^~\\&|a\rPID|1\r"),
        ("36,6 °C".encode(), "36,6 °C"),
        ("36,6 °C".encode()[:6], "36,6 "),  # the degree sign is cut in half
        (b"\x06\x48\x00", "064800"),
        (b"\xff\xfe", "fffe"),
        (b"", ""),
    ],
)
def test_text_where_it_is_text_and_hex_elsewhere(raw: bytes, shown: str) -> None:
    assert preview(raw) == shown
