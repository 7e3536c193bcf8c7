"""For each rule kind: whatever the order, groups, restarts, corrections and ticks, the online engine ends like the
oracle.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings

from alerts.kinds import KINDS
from tests.disorder.histories import History, histories, history_from
from tests.disorder.scenes import SCENES
from tests.disorder.site import Site

#: Every day 500 for each kind; `make test-long` loads a profile that asks for 20,000.
EXAMPLES = settings(max_examples=max(500, settings().max_examples))


@pytest.mark.hypothesis  # the property inside is made for its scene, so hypothesis does not see it here
@pytest.mark.parametrize("kind", KINDS)
def test_online_equals_oracle(kind: str) -> None:
    assert kind in SCENES, f"kind {kind} has no scene: add one to tests/disorder/scenes.py"
    scene = SCENES[kind]

    @EXAMPLES
    @given(histories(scene))
    def lives_through(history: History) -> None:
        site = Site(scene, history)
        site.run()
        assert site.standing() == site.truth()
        before = len(site.changes)
        site.look_again()
        if not history.only_due:
            # Everybody was ticked just before; else a look may wait for a tick to tell it of a silence again.
            assert len(site.changes) == before, "looking again at what is already right changes nothing"
        site.tick()
        assert site.standing() == site.truth()

    lives_through()


@pytest.mark.parametrize("kind", KINDS)
def test_scenes_reach_every_change(kind: str) -> None:
    """A property over histories in which nothing happens would hold for any engine."""
    wanted = {"opened", "amended", "cleared", "retracted", "revived", "merged"}
    choose, said = random.Random(kind), set[str]()
    for _ in range(500):
        site = Site(SCENES[kind], history_from(SCENES[kind], choose.randbytes))
        site.run()
        said.update(change.change for change in site.changes)
        said.update("merged" for change in site.changes if change.alert.merged_into is not None)
        if said >= wanted:
            return
    raise AssertionError(f"never {wanted - said}")
