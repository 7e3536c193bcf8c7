"""A private message bus: a dbus-daemon of our own, reached by a socket in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from vitals.errors import InternalError, OperatorError

#: A daemon is up within 5 ms; a machine that needs seconds is in trouble.
_START_TIMEOUT_S = 5.0
_STOP_TIMEOUT_S = 5.0
#: What the system's bus allows one user by default: a client that leaks connections must run into it here too.
CONNECTIONS_MAX = 256

_NO_START = "the private dbus-daemon did not start; run dbus-daemon by hand and see what it says"

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <limit name="max_connections_per_user">{connections}</limit>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow send_type="signal"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""

# Standard input is a pipe that nobody writes to: it ends when whoever started us closes it or dies in any way, and then
# the daemon is ended too. The shell ends with the daemon.
_WATCHDOG = """
exec 3<&0
"$@" </dev/null 3<&- &
daemon=$!
( read -r _ <&3; kill "$daemon" 2>/dev/null ) >/dev/null 2>&1 &
watcher=$!
exec 3<&- >&2
wait "$daemon"
kill "$watcher" 2>/dev/null
"""


def find_daemon() -> str | None:
    """Path of dbus-daemon, also where an ordinary user's PATH does not look."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/bin", "/opt/homebrew/bin"])
    return shutil.which("dbus-daemon", path=path)


def why_not() -> str | None:
    """Why no Bluetooth can be simulated here, with the remedy; None when it can."""
    if sys.platform != "linux":
        return "Bluetooth is simulated on Linux only, where bleak speaks to BlueZ"
    if find_daemon() is None:
        return "no dbus-daemon found: apt-get install dbus-daemon"
    return None


class PrivateBus:
    """`async with PrivateBus() as bus:` runs a daemon that dies with this process; `bus.address` is how to reach it.

    `folder`: where its socket is to lie (it stays); default a folder of its own that goes with it. Raises OperatorError
    where there is no dbus-daemon.
    """

    def __init__(self, folder: Path | None = None, connections_max: int = CONNECTIONS_MAX) -> None:
        self._given = folder
        self._connections_max = connections_max
        self._process: asyncio.subprocess.Process | None = None
        self._folder: Path | None = None

    @property
    def address(self) -> str:
        """For DBUS_SYSTEM_BUS_ADDRESS."""
        assert self._folder is not None, "the bus runs inside `async with` only"
        return f"unix:path={self._folder / 'bus'}"

    async def __aenter__(self) -> PrivateBus:
        if reason := why_not():
            raise OperatorError(reason)
        self._folder = self._given or Path(tempfile.mkdtemp(prefix="vitalstream-ble-"))
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(socket=self._folder / "bus", connections=self._connections_max), "utf-8")
        command = (find_daemon() or "", f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1")
        self._process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _WATCHDOG, "watchdog", *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # as root it says that it can't raise its limit, which is harmless
        )
        assert self._process.stdout is not None
        said = b""
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                said = await self._process.stdout.readline()
        except TimeoutError as error:
            raise InternalError(_NO_START) from error
        finally:
            if not said:
                await self.__aexit__(None, None, None)
        if not said:
            raise InternalError(_NO_START)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None and self._process.stdin is not None and self._folder is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._given is None:
            shutil.rmtree(self._folder, ignore_errors=True)
