"""How long and how much: every wait and every queue of the Bluetooth side, as arguments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Seconds and counts; the defaults suit real devices and real adapters."""

    #: Whoever advertised is surely asleep again after a minute: cuffs and scales advertise for 30 s or less.
    turn_s: float = 60.0
    #: One attempt of BlueZ with its cancellation; a device that is awake answers within 1 s, in a bad room within 10.
    connect_s: float = 20.0
    #: A CCCD write is one exchange, but BlueZ may encrypt the link in between.
    subscribe_s: float = 15.0
    #: BlueZ's reads have no limit of their own and hang where a bond is missing; ATT's transaction limit is 30 s, and
    #: no device that answers at all took more than some connection intervals (4 s at most each).
    read_s: float = 10.0
    #: A write and the read that checks it: devices that claim to have set their clock and have not are known.
    set_clock_s: float = 20.0
    #: Battery, model, serial and firmware, one read after the other; readings come in meanwhile.
    details_s: float = 20.0
    #: bleak waits 10 s for the link to go down, and BlueZ takes 2 s for an orderly one.
    disconnect_s: float = 15.0
    #: A device for spot measurements that says nothing for so long has sent what it had; the link costs its battery.
    idle_s: float = 60.0
    #: A monitor sends every second; one that is silent for so long has lost its subscription, not its patient.
    silence_s: float = 300.0
    #: After an idle device was released: it should stop advertising, and other devices get the radio.
    rest_s: float = 10.0
    #: First wait after a failure (a patient who walks by comes back at once), doubled up to the second (a cuff is not
    #: left waiting for longer than it advertises).
    backoff_first_s: float = 0.5
    backoff_max_s: float = 30.0
    #: Starting and stopping discovery are answered at once or never.
    scan_call_s: float = 10.0
    #: Without any advertisement from anywhere for so long the scan is started again: adapters are known to fall silent.
    scan_silence_s: float = 60.0
    #: Devices that wait for a connection keep the scan paused for so long at most; then it gets its share.
    scan_pause_max_s: float = 30.0
    scan_share_s: float = 3.0
    #: Between attempts to scan, or to reach D-Bus.
    retry_first_s: float = 1.0
    retry_max_s: float = 30.0
    #: Readings of one device that wait for the journal, 17 minutes of a monitor. A queue half full closes the link, so
    #: that a device with a memory keeps what it has; the other half is for what is under way.
    queue_frames: int = 1024
    #: At the end, for readings that still wait for the journal.
    flush_s: float = 10.0
