"""Settings come from environment variables, are read here and nowhere else, and are all checked together."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import platformdirs

from device_gateway.broker.address import BrokerAddress, parse_address
from vitals.errors import OperatorError

#: A reading first received later than this after it was measured is charted and opens no alert.
LATENESS_DEFAULT_S = 7 * 86_400
_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PORT_MAX = 65_535
_T = TypeVar("_T")


class BadSettings(OperatorError):
    """One or more settings are wrong; the message lists all of them."""

    code = "bad-settings"


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable as `doctor` and the documentation show it."""

    name: str
    default: str
    purpose: str
    secret: bool = False


#: Every setting there is.
SETTINGS = (
    Setting("VITALSTREAM_DATA_DIR", "the user's data directory", "where the embedded database lives"),
    Setting("VITALSTREAM_BIND", "127.0.0.1", "address that HTTP and MQTT listen on"),
    Setting("VITALSTREAM_HTTP_PORT", "8080", "port of dashboard and API"),
    Setting("VITALSTREAM_MQTT_PORT", "1883", "port of our MQTT endpoint"),
    Setting("VITALSTREAM_MQTT_URL", "", "a broker to subscribe to instead of our endpoint", secret=True),
    Setting("VITALSTREAM_LOG", "postgres", "where the journal is: postgres or kafka"),
    Setting("VITALSTREAM_KAFKA_BOOTSTRAP", "", "Kafka servers, with VITALSTREAM_LOG=kafka"),
    Setting("VITALSTREAM_LATENESS", "7d", "how late a reading may open an alert (s, m, h, d)"),
    Setting("VITALSTREAM_EMR_URL", "", "FHIR server for write-back"),
    Setting("VITALSTREAM_EMR_TOKEN", "", "its bearer token", secret=True),
    Setting("DATABASE_URL", "", "a PostgreSQL server of your own; empty: the embedded one", secret=True),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. `*_port_set` says whether the port was chosen by the operator."""

    data_dir: Path
    bind: str
    http_port: int
    http_port_set: bool
    mqtt_port: int
    mqtt_port_set: bool
    mqtt_broker: BrokerAddress | None
    log: str
    kafka_bootstrap: str
    lateness_s: int
    emr_url: str
    emr_token: str
    database_url: str

    @property
    def postgres_dir(self) -> Path:
        """Data directory of the embedded server."""
        return self.data_dir / "postgres"


def parse_duration_s(text: str) -> int:
    """Seconds of `90s`, `5m`, `2h`, `7d`; raises OperatorError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise OperatorError(f"{text!r} is not a duration; write a number and s, m, h or d, such as 7d", code="duration")
    return int(match[1]) * _SECONDS[match[2]]


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= _PORT_MAX:
        raise OperatorError(f"{text!r} is not a port; write a number from 1 to {_PORT_MAX}", code="port")
    return int(text)


def _broker(url: str) -> BrokerAddress | None:
    return parse_address(url) if url else None


def _log(text: str) -> str:
    if text not in ("postgres", "kafka"):
        raise OperatorError(f"{text!r} is no journal; write postgres or kafka", code="journal")
    return text


def _data_dir(text: str) -> Path:
    if text:
        return Path(text).expanduser()
    # As root the server runs as another account, which may not enter root's home.
    return Path("/var/lib/vitalstream") if os.geteuid() == 0 else platformdirs.user_data_path("vitalstream")


def read(environ: Mapping[str, str]) -> Settings:
    """Reads and checks every setting; raises BadSettings that lists all that is wrong."""
    wrong: list[str] = []

    def take(name: str, default: str, check: Callable[[str], _T]) -> _T | None:
        try:
            return check(environ.get(name) or default)
        except OperatorError as error:
            wrong.append(f"{name}: {error.message}")
            return None

    http_port = take("VITALSTREAM_HTTP_PORT", "8080", _port)
    mqtt_port = take("VITALSTREAM_MQTT_PORT", "1883", _port)
    mqtt_broker = take("VITALSTREAM_MQTT_URL", "", _broker)
    log = take("VITALSTREAM_LOG", "postgres", _log)
    lateness_s = take("VITALSTREAM_LATENESS", "7d", parse_duration_s)
    if wrong or http_port is None or mqtt_port is None or log is None or lateness_s is None:
        raise BadSettings("settings are wrong. " + "; ".join(wrong))
    return Settings(
        data_dir=_data_dir(environ.get("VITALSTREAM_DATA_DIR", "")),
        bind=environ.get("VITALSTREAM_BIND") or "127.0.0.1",
        http_port=http_port,
        http_port_set=bool(environ.get("VITALSTREAM_HTTP_PORT")),
        mqtt_port=mqtt_port,
        mqtt_port_set=bool(environ.get("VITALSTREAM_MQTT_PORT")),
        mqtt_broker=mqtt_broker,
        log=log,
        kafka_bootstrap=environ.get("VITALSTREAM_KAFKA_BOOTSTRAP", ""),
        lateness_s=lateness_s,
        emr_url=environ.get("VITALSTREAM_EMR_URL", ""),
        emr_token=environ.get("VITALSTREAM_EMR_TOKEN", ""),
        database_url=environ.get("DATABASE_URL", ""),
    )
