"""What every device directory must do (`vitals.ports.devices`); run on the stand-in that the gateway's tests use."""

from __future__ import annotations

import pytest

from tests.contract.gateway_fakes import FakeDirectory
from vitals.errors import PartnerError
from vitals.ports.devices import DeviceAccount, DeviceDirectory


@pytest.fixture
def fake() -> FakeDirectory:
    fake = FakeDirectory()
    fake.add("bound", "secret", "p1", "Europe/Berlin")
    fake.add("free", "secret")
    return fake


@pytest.fixture
def directory(fake: FakeDirectory) -> DeviceDirectory:
    return fake


async def test_the_right_password_opens_the_account(directory: DeviceDirectory) -> None:
    expected = DeviceAccount("bound", "p1", "Europe/Berlin")
    assert await directory.authenticate("bound", "secret") == expected
    assert await directory.account("bound") == expected


async def test_an_unbound_device_has_its_own_id_as_shard_key_and_no_zone(directory: DeviceDirectory) -> None:
    assert await directory.account("free") == DeviceAccount("free", "free", None)


@pytest.mark.parametrize(("device", "password"), [("bound", "wrong"), ("bound", ""), ("nobody", "secret"), ("", "")])
async def test_anything_else_does_not(directory: DeviceDirectory, device: str, password: str) -> None:
    assert await directory.authenticate(device, password) is None


async def test_an_unknown_device_has_no_account(directory: DeviceDirectory) -> None:
    assert await directory.account("nobody") is None


async def test_a_revoked_device_is_unknown(directory: DeviceDirectory, fake: FakeDirectory) -> None:
    fake.revoke("bound")
    assert await directory.account("bound") is None
    assert await directory.authenticate("bound", "secret") is None


async def test_a_registry_that_is_away_is_a_partners_fault(directory: DeviceDirectory, fake: FakeDirectory) -> None:
    fake.away = True
    with pytest.raises(PartnerError):
        await directory.account("bound")
    with pytest.raises(PartnerError):
        await directory.authenticate("bound", "secret")


async def test_of_what_was_refused_4_kb_are_kept(directory: DeviceDirectory, fake: FakeDirectory) -> None:
    await directory.refused("bound", "payload-too-large", b"x" * 5_000)
    await directory.refused(None, "foreign-topic", b"")
    assert fake.refusals == [("bound", "payload-too-large", b"x" * 4_096), (None, "foreign-topic", b"")]
