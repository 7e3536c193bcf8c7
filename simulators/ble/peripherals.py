"""The kinds of device: which services each has, what it advertises and how it sends.

Names of values: `heart_rate` and `contact` (0 or 1) for a strap; `systolic`, `diastolic`, `pulse` for a cuff; `spo2`,
`pulse` for oximeters; `temperature` for a thermometer; `weight` for a scale. Units are those of the frames.
"""

from __future__ import annotations

from datetime import datetime

from simulators.ble import faults
from simulators.ble.clock import Clock
from simulators.ble.peripheral import Characteristic, Encode, Peripheral, Service, Values
from simulators.encoders import gatt

#: How long a device for single measurements can be seen after one; real ones sleep after half a minute or so.
SPOT_WINDOW_S = 30.0


def _standard(name: str, *, clock: bool) -> tuple[Service, ...]:
    """Battery, device information and, where the device has a clock that others may set, Current Time."""
    information = (
        Characteristic("2a29", ("read",), b"vitalstream simulators"),
        Characteristic("2a24", ("read",), name.encode()),
        Characteristic("2a25", ("read",), b"0001"),
        Characteristic("2a26", ("read",), b"1.0"),
    )
    services = (
        Service("180a", information),
        Service("180f", (Characteristic(gatt.BATTERY_LEVEL, ("read", "notify"), bytes((87,))),)),
    )
    if not clock:
        return services
    return (*services, Service("1805", (Characteristic(gatt.CURRENT_TIME, ("read", "write", "notify")),)))


def _strap(values: Values, face: datetime | None) -> tuple[str, bytes]:
    # The format knows no NaN: a strap that finds no pulse sends 0.
    return gatt.HEART_RATE, gatt.heart_rate(round(values["heart_rate"] or 0), contact=bool(values.get("contact", 1)))


def _cuff(values: Values, face: datetime | None) -> tuple[str, bytes]:
    frame = gatt.blood_pressure(values["systolic"], values["diastolic"], values["pulse"], face)
    return gatt.BLOOD_PRESSURE, frame


def _oximeter_spot(values: Values, face: datetime | None) -> tuple[str, bytes]:
    return gatt.PULSE_OXIMETER_SPOT, gatt.oximeter_spot(values["spo2"], values["pulse"], face)


def _oximeter(values: Values, face: datetime | None) -> tuple[str, bytes]:
    return gatt.PULSE_OXIMETER_CONTINUOUS, gatt.oximeter_continuous(values["spo2"], values["pulse"])


def _thermometer(values: Values, face: datetime | None) -> tuple[str, bytes]:
    return gatt.TEMPERATURE, gatt.temperature(values["temperature"], face)


def _scale(values: Values, face: datetime | None) -> tuple[str, bytes]:
    return gatt.WEIGHT, gatt.weight(values["weight"], face)


def heart_rate_strap(address: str, *, script: faults.Faults = faults.NONE) -> Peripheral:
    """Streams 2A37 by notification; no memory, no clock."""
    service = Service(
        "180d", (Characteristic(gatt.HEART_RATE, ("notify",)), Characteristic("2a38", ("read",), bytes((1,))))
    )
    services = (*_standard("Strap", clock=False), service)
    return Peripheral(address, "Strap", services, _strap, ("180d",), faults=script)


def cuff(
    address: str,
    *,
    clock: Clock | None = None,
    window_s: float | None = SPOT_WINDOW_S,
    script: faults.Faults = faults.NONE,
) -> Peripheral:
    """Indicates 2A35 with time and pulse; keeps what nobody took."""
    service = Service(
        "1810",
        (Characteristic(gatt.BLOOD_PRESSURE, ("indicate",)), Characteristic("2a49", ("read",), bytes((0x07, 0)))),
    )
    return _spot(address, "Cuff", service, _cuff, clock, window_s, script)


def oximeter(
    address: str,
    *,
    clock: Clock | None = None,
    window_s: float | None = SPOT_WINDOW_S,
    script: faults.Faults = faults.NONE,
    continuous: bool = False,
) -> Peripheral:
    """For single measurements: indicates 2A5E and keeps. `continuous`: streams 2A5F by notification whenever it can; it
    has 2A5E too, for what is put into its memory.
    """
    features = Characteristic("2a60", ("read",), bytes(2))
    spot = Characteristic(gatt.PULSE_OXIMETER_SPOT, ("indicate",))
    if continuous:
        service = Service("1822", (spot, Characteristic(gatt.PULSE_OXIMETER_CONTINUOUS, ("notify",)), features))
        services = (*_standard("Oximeter", clock=True), service)
        timepiece = clock or Clock()
        return Peripheral(address, "Oximeter", services, _oximeter, ("1822",), clock=timepiece, faults=script)
    service = Service("1822", (spot, features))
    return _spot(address, "Oximeter", service, _oximeter_spot, clock, window_s, script)


def thermometer(
    address: str,
    *,
    clock: Clock | None = None,
    window_s: float | None = SPOT_WINDOW_S,
    script: faults.Faults = faults.NONE,
) -> Peripheral:
    """Indicates 2A1C with time; keeps what nobody took."""
    service = Service("1809", (Characteristic(gatt.TEMPERATURE, ("indicate",)),))
    return _spot(address, "Thermometer", service, _thermometer, clock, window_s, script)


def scale(
    address: str,
    *,
    clock: Clock | None = None,
    window_s: float | None = SPOT_WINDOW_S,
    script: faults.Faults = faults.NONE,
) -> Peripheral:
    """Indicates 2A9D with time; keeps what nobody took."""
    service = Service(
        "181d", (Characteristic(gatt.WEIGHT, ("indicate",)), Characteristic("2a9e", ("read",), bytes((1, 0, 0, 0))))
    )
    return _spot(address, "Scale", service, _scale, clock, window_s, script)


def _spot(
    address: str,
    name: str,
    service: Service,
    encode: Encode,
    clock: Clock | None,
    window_s: float | None,
    script: faults.Faults,
) -> Peripheral:
    services = (*_standard(name, clock=True), service)
    return Peripheral(
        address,
        name,
        services,
        encode,
        (service.uuid,),
        keeps=True,
        window_s=window_s,
        clock=clock or Clock(),
        faults=script,
    )
