"""Identity: golden values pin it, because ids in other systems depend on it for ever."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from vitals import codes, identity
from vitals.reading import NONE


def test_golden_identity_and_ids() -> None:
    one = identity.identity("cuff-1", "blood_pressure", 1_700_000_000_000_000_000, 7)
    assert one.hex() == ("0006000e637566662d31626c6f6f645f707265737375726517979cfe362a00000000000000000007")
    # sha256(identity + 00 + "p-1") and blake2b-64, computed with coreutils' sha256sum and b2sum -l 64
    assert identity.observation_id(one, "p-1") == UUID("fe4bcba6c283598bf4cbc57b5c55656c")
    assert identity.shard_of("p-1") == 46


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_device_and_metric_never_run_together(a: str, b: str, c: str, d: str) -> None:
    same = identity.identity(a, b, 0, NONE) == identity.identity(c, d, 0, NONE)
    assert same == ((a, b) == (c, d))


def test_code_numbers_are_pinned() -> None:
    """Stored in every database and journal: a number never changes its meaning."""
    assert {key: metric.number for key, metric in codes.table().items() if metric.number in (1, 5, 13, 16, 45)} == {
        "heart_rate": 1,
        "spo2": 5,
        "blood_pressure": 13,
        "body_weight": 16,
        "battery": 45,
    }
    assert len({m.number for m in codes.table().values()}) == len(codes.table())
