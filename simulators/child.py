"""All simulated devices in one process of their own: `python -m simulators.child`, ruled over standard input.

The first line of input is the job as JSON (`host`, `port`, `cast`, `credentials`). Then it publishes until a line
`stop` comes, waits for the acknowledgements, and ends; it also ends when its input closes, so it dies with its parent.
A line `{"device","password"}` gives a device a new password. Output: one JSON object a line, each with an `event`:
`history` (with `start_s`, the instant from which stories count), `stopped`.
"""

from __future__ import annotations

import heapq
import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from simulators.fleet import Cast
from simulators.mqtt_device import MqttDevice, Taken, report
from simulators.plan import SimulatedDevice

#: How long to wait for the connections, for the acknowledgements of the history, and for the last ones at the end.
_CONNECT_S, _HISTORY_S, _DRAIN_S = 10.0, 30.0, 10.0


@dataclass(order=True, slots=True)
class _Due:
    t_s: float
    number: int
    plan: SimulatedDevice = field(compare=False)
    device: MqttDevice = field(compare=False)
    times: Iterator[float] = field(compare=False)


class _Outage:
    """Which devices are out of reach now, and what they keep in memory meanwhile."""

    def __init__(self) -> None:
        self.memory: dict[str, list[Taken]] = {}

    def step(self, due: _Due) -> bool:
        """Whether the device is out of reach at this moment; drops or brings back its connection."""
        window = due.plan.scenario.offline
        away = window is not None and window[0] <= due.t_s < window[1]
        if away and due.plan.id not in self.memory:
            self.memory[due.plan.id] = []
            due.device.drop()
        elif not away and due.plan.id in self.memory:
            due.device.reconnect()
            due.device.resend()
            due.device.publish(self.memory.pop(due.plan.id))
        return away


def _wait_idle(devices: list[MqttDevice], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and not all(device.idle() for device in devices):
        time.sleep(0.02)


def _say(event: str, devices: list[MqttDevice], **more: float) -> None:
    print(json.dumps({"event": event} | json.loads(report(devices)) | more), flush=True)  # noqa: T201 - its only output


def _publish_history(pairs: list[tuple[SimulatedDevice, MqttDevice]], start_s: float) -> None:
    for plan, device in pairs:
        memory = [device.take(plan.clock_ms(start_s, t_s), plan.measure(t_s)) for t_s in sorted(plan.history(start_s))]
        device.publish(memory)


class _Orders:
    """What the parent says while devices publish: new passwords, and when to stop. A thread of its own listens."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._passwords: deque[tuple[str, str]] = deque()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == "stop":
                break
            said = json.loads(line)
            self._passwords.append((said["device"], said["password"]))
        self.stop.set()

    def follow(self, devices: dict[str, MqttDevice]) -> None:
        """Gives devices their new passwords; only the publishing thread calls it."""
        while self._passwords:
            device, password = self._passwords.popleft()
            devices[device].renew(password)


def _live(pairs: list[tuple[SimulatedDevice, MqttDevice]], start_s: float, orders: _Orders) -> None:
    outage = _Outage()
    devices = {device.device: device for _, device in pairs}
    queue = []
    for number, (plan, device) in enumerate(pairs):
        times = plan.live()
        queue.append(_Due(next(times), number, plan, device, times))
    heapq.heapify(queue)
    while not orders.stop.is_set():
        due = queue[0]
        if orders.stop.wait(max(0.0, start_s + due.t_s - time.time())):
            break
        orders.follow(devices)
        taken = due.device.take(due.plan.clock_ms(start_s, time.time() - start_s), due.plan.measure(due.t_s))
        if outage.step(due):
            outage.memory[due.plan.id].append(taken)
        else:
            due.device.publish([taken])
        due.t_s = next(due.times)
        heapq.heapreplace(queue, due)


def main() -> None:
    """Runs one job; see the module's text."""
    job = json.loads(sys.stdin.readline())
    pairs = [
        (plan, MqttDevice(plan.id, job["credentials"][plan.id], plan.device.form))
        for patient in Cast(**job["cast"]).patients()
        for plan in patient.devices
    ]
    devices = [device for _, device in pairs]
    orders = _Orders()
    for device in devices:
        device.connect(job["host"], job["port"])
    deadline = time.monotonic() + _CONNECT_S
    for device in devices:
        device.connected.wait(max(0.0, deadline - time.monotonic()))
    start_s = time.time()
    _publish_history(pairs, start_s)
    _wait_idle(devices, _HISTORY_S)
    _say("history", devices, start_s=start_s)
    _live(pairs, start_s, orders)
    _wait_idle(devices, _DRAIN_S)
    _say("stopped", devices)
    for device in devices:
        device.drop()


if __name__ == "__main__":
    main()
