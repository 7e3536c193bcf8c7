"""A real Mosquitto with the settings that we ship, for tests."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.running import free_port
from tests.system_tools import find_program

SHIPPED = Path(__file__).parents[1] / "deploy" / "mosquitto"
GATEWAY_PASSWORD = "gw-s3cret"
_STARTS_S = 10.0


@dataclass
class Mosquitto:
    """A broker that can be stopped, killed and started again on its data."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    secure: bool = False

    @property
    def url(self) -> str:
        """What VITALSTREAM_MQTT_URL says."""
        return f"{'mqtts' if self.secure else 'mqtt'}://gateway:{GATEWAY_PASSWORD}@127.0.0.1:{self.port}"

    def configure(self, users: Mapping[str, str], **changes: str) -> None:
        """Writes the shipped settings with this place's paths; `changes` replace or (when empty) remove lines."""
        text = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8")
        ours = {
            "listener": f"{self.port} 127.0.0.1",
            "password_file": str(self.home / "passwords"),
            "acl_file": str(self.home / "acl"),
            "persistence_location": f"{self.home}/",
        }
        for name, value in (ours | changes).items():
            line = f"{name} {value}" if value else ""
            text, count = re.subn(rf"(?m)^{name} .*$", line, text)
            assert count == 1, f"{name} stands {count} times in the shipped settings"
        # As root Mosquitto would turn into another account, which may not enter a test's folder.
        (self.home / "mosquitto.conf").write_text(f"{text}\nuser root\n", encoding="utf-8")
        shutil.copy(SHIPPED / "acl", self.home / "acl")
        lines = [f"{user}:{password}\n" for user, password in {"gateway": GATEWAY_PASSWORD, **users}.items()]
        passwords = self.home / "passwords"
        passwords.write_text("".join(lines), encoding="utf-8")
        program = find_program("mosquitto_passwd")
        assert program is not None
        subprocess.run([program, "-U", str(passwords)], check=True, timeout=30)
        for file in ("acl", "passwords"):
            (self.home / file).chmod(0o600)

    def start(self) -> None:
        """Starts it and waits until it listens."""
        program = find_program("mosquitto")
        assert program is not None
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "-c", str(self.home / "mosquitto.conf")], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + _STARTS_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError(self.log())

    def stop(self) -> None:
        """SIGTERM: it writes its store and ends."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: it ends without a word."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(_STARTS_S)

    def log(self) -> str:
        """What it said."""
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")


@contextlib.contextmanager
def mosquitto(users: Mapping[str, str], **changes: str) -> Iterator[Mosquitto]:
    """A running broker; `users` and their passwords beside the gateway's."""
    home = Path(tempfile.mkdtemp(prefix="vitalstream-mosquitto-"))
    broker = Mosquitto(home)
    try:
        broker.configure(users, **changes)
        broker.start()
        yield broker
    finally:
        broker.stop()
        shutil.rmtree(home, ignore_errors=True)
