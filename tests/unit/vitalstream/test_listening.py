"""Ports: a taken one is named together with the setting to change."""

from __future__ import annotations

import pytest

from vitals.errors import OperatorError
from vitalstream.listening import PortInUse, listen


def test_taken_port_names_the_setting() -> None:
    with listen("127.0.0.1", 0, "VITALSTREAM_HTTP_PORT") as first:
        port = first.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"port {port} .* set VITALSTREAM_HTTP_PORT"):
            listen("127.0.0.1", port, "VITALSTREAM_HTTP_PORT")


def test_taken_port_is_replaced_only_when_asked() -> None:
    with listen("127.0.0.1", 0, "X") as first:
        port = first.getsockname()[1]
        with listen("127.0.0.1", port, "X", else_free=True) as second:
            assert second.getsockname()[1] != port


def test_foreign_address_is_refused_with_what_to_do() -> None:
    with pytest.raises(OperatorError, match="VITALSTREAM_BIND"):
        listen("203.0.113.1", 0, "VITALSTREAM_HTTP_PORT")
