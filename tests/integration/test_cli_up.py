"""`up`: who may start it, and how it ends: in time, with exit code 0, leaving nothing behind."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator

import pytest

from tests.integration.processes import family, still_running
from tests.running import Installation, free_port, installation

STOPS_S = 5.0


@pytest.fixture
def site() -> Iterator[Installation]:
    with installation() as made:
        yield made


@pytest.mark.parametrize(
    "signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGINT]], ids=["SIGTERM", "Ctrl-C by the impatient"]
)
def test_a_signal_ends_it_in_time_and_nothing_is_left(site: Installation, signals: list[signal.Signals]) -> None:
    site.up()
    assert site.process is not None
    started = family(site.process.pid)
    pid_file = site.data_dir / "postgres" / "postmaster.pid"
    assert len(started) > 2, "PostgreSQL and its workers are children"
    # An open stream must not hold it up.
    with (
        socket.create_connection(("127.0.0.1", site.http_port)) as stream,
        socket.create_connection(("127.0.0.1", site.mqtt_port)),
    ):
        stream.sendall(f"GET /api/live HTTP/1.1\r\nHost: x\r\n{bearer(site)}\r\n\r\n".encode())
        assert stream.recv(100).startswith(b"HTTP/1.1 200")
        begun = time.monotonic()
        for number in signals:
            site.process.send_signal(number)
        assert site.process.wait(STOPS_S) == 0
        assert time.monotonic() - begun < STOPS_S
    assert still_running(started) == []
    assert not pid_file.exists()
    assert list(pid_file.parent.glob(".s.PGSQL*")) == []
    assert "Traceback" not in site.log()


def bearer(site: Installation) -> str:
    return f"Authorization: {site.token()['Authorization']}"


@pytest.mark.parametrize("setting", ["VITALSTREAM_HTTP_PORT", "VITALSTREAM_MQTT_PORT"])
def test_a_port_in_use_is_said_before_anything_starts(site: Installation, setting: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = site.command("up", **{setting: str(port)})
    assert (done.returncode, done.stdout) == (1, "")
    assert f"port {port}" in done.stderr and setting in done.stderr
    assert not site.data_dir.exists()


def test_a_second_up_on_the_same_data_is_refused(site: Installation) -> None:
    site.up()
    assert site.process is not None
    done = site.command("up", VITALSTREAM_HTTP_PORT=str(free_port()), VITALSTREAM_MQTT_PORT=str(free_port()))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"process {site.process.pid}" in done.stderr and "VITALSTREAM_DATA_DIR" in done.stderr
    assert site.json("ledger")["balanced"], "the first goes on"


def test_an_address_of_another_machine_is_refused(site: Installation) -> None:
    done = site.command("up", VITALSTREAM_BIND="192.0.2.1")
    assert done.returncode == 1
    assert "VITALSTREAM_BIND" in done.stderr


def test_a_data_directory_that_can_t_be_written(site: Installation) -> None:
    done = site.command("up", VITALSTREAM_DATA_DIR="/proc/vitalstream")  # where not even root may
    assert done.returncode == 1
    assert "VITALSTREAM_DATA_DIR" in done.stderr
