"""Named scenes through the online engine, each with what people would read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest import mock

from alerts import oracle
from alerts.kinds.threshold import Threshold
from alerts.lifecycle import Act, shown
from alerts.online import OnlineEngine
from alerts.pack import shipped_rules
from alerts.rules import Limit
from tests.unit.alerts.stored import MINUTE, SECOND, Store, group, keys, rule, sample
from vitals.events import Enrolment, PatientContext, SpO2Target
from vitals.reading import Flag

T0 = 1_700_000_000 * SECOND  # 2023-11-14 22:13:20 UTC
COPD = PatientContext(1, "p", (Enrolment("copd"),), (SpO2Target(88, 92),))
PLAIN = PatientContext(1, "p")


def said(*groups: list[tuple[Any, ...]], context: PatientContext = PLAIN, rules: Any = None) -> Store:
    """The store after these groups; the oracle must agree."""
    chosen = shipped_rules() if rules is None else rules
    engine, store = OnlineEngine(chosen), Store({1: context})
    for rows in groups:
        store.take(engine, group(*rows), T0 + 10**12)
    truth = oracle.history(chosen, {1: context}, store.samples, T0 + 10**12)
    assert store.standing() == keys(truth)
    return store


def test_copd_desaturation_explains_itself() -> None:
    rows = [sample(T0 + i * MINUTE, 87.0 - (i == 5)) for i in range(6)]
    store = said(*[[row] for row in rows], context=COPD)
    (alert,) = store.alerts.values()
    assert (alert.rule, alert.priority, alert.condition, alert.late) == ("spo2-copd", "high", "active", False)
    assert alert.explanation == "SpO2 below 88 % for 5 min: 87.0 %, then 86.0 %"
    assert alert.opened_us == T0 + 5 * MINUTE and len(alert.readings) == 2
    assert alert.limits.as_json() == {
        "metric": "spo2",
        "raise": "below 88 %",
        "clear": "at or above 89 %",
        "for": "5 min",
        "unit": "%",
        "source": "BMJ 2021;372:n677; BTS target 88-92",
    }


def test_a_recorded_target_replaces_the_general_rule() -> None:
    rows = [sample(T0 + i * MINUTE, 91.0) for i in range(4)]
    assert {a.rule for a in said(rows).alerts.values()} == {"spo2-low-general"}
    assert not said(rows, context=COPD).alerts


def test_a_burst_of_old_samples_satisfies_a_duration_by_measured_times_only() -> None:
    seconds_apart = [sample(T0 + i * SECOND, 85.0) for i in range(200)]
    assert not said(seconds_apart, context=COPD).alerts, "200 samples at once, but only 200 s"
    enough = [sample(T0 + i * MINUTE, 85.0) for i in range(6)] + [sample(T0 + 7 * MINUTE, 95.0)]
    (alert,) = said(enough, context=COPD).alerts.values()
    assert alert.condition == "cleared" and alert.late, "it was over when it arrived"


def test_a_gap_inside_a_dwell_starts_again_and_never_clears() -> None:
    before = [sample(T0 + i * MINUTE, 85.0) for i in range(4)]
    after = [sample(T0 + (i + 7) * MINUTE, 85.0) for i in range(3)]
    assert not said(before, after, context=COPD).alerts
    long_after = [sample(T0 + 1000 * MINUTE, 85.0)]
    more = [sample(T0 + (i + 4) * MINUTE, 85.0) for i in range(3)]
    (alert,) = said(before, more, long_after, context=COPD).alerts.values()
    assert alert.condition == "active"


def test_equal_times_follow_the_sequence() -> None:
    fever = (sample(T0, 39.0, "body_temp", sequence=1), sample(T0, 37.0, "body_temp", sequence=2))
    (alert,) = said(list(fever[::-1])).alerts.values()
    assert alert.opened_us == alert.cleared_us == T0
    (alert,) = said([fever[1]], [fever[0]]).alerts.values()
    assert alert.opened_us == alert.cleared_us == T0, "the same when they come apart and the wrong way round"


def test_fahrenheit_samples_meet_a_celsius_rule_and_the_other_way_round() -> None:
    (alert,) = said([sample(T0, 100.58, "body_temp", unit="[degF]")]).alerts.values()  # 38.1 Cel
    assert alert.rule == "temp-fever" and alert.explanation.endswith("100.6 °F")
    rules = (rule("f", "threshold", "body_temp", Limit(">=", 100.4), unit="[degF]"),)
    rows = [sample(T0, 37.9, "body_temp"), sample(T0 + 1, 38.0, "body_temp"), sample(T0 + 2, 37.0, "body_temp")]
    (alert,) = said(rows[:1], rows[1:2], rows[2:], rules=rules).alerts.values()
    assert (alert.opened_us, alert.cleared_us) == (T0 + 1, T0 + 2)


def test_two_devices_one_alert_that_clears_with_the_last() -> None:
    one = [sample(T0, 39.2, "body_temp", device=1)]
    two = [sample(T0 + 1, 39.5, "body_temp_ear", device=2), sample(T0 + 2, 36.5, "body_temp", device=1)]
    three = [sample(T0 + 3, 36.6, "body_temp_ear", device=2)]
    store = said(one, two, three)
    high = next(a for a in store.alerts.values() if a.rule == "temp-high")
    assert (high.opened_us, high.cleared_us, high.readings[0].metric) == (T0, T0 + 3, "body_temp")
    assert high.clearing is not None and high.clearing.metric == "body_temp_ear"


def test_intervals_that_touch_are_one_alert_in_either_order() -> None:
    a = sample(T0, 39.0, "body_temp", device=1)
    b = sample(T0 + 1, 36.0, "body_temp", device=1)
    c = sample(T0 + 1, 38.5, "body_temp", device=2)
    for groups in ([[a], [b], [c]], [[a], [c], [b]], [[c], [b], [a]]):
        store = said(*groups)
        assert [k[4:6] for k in store.standing()] == [(T0, None)]


def test_an_improbable_reading_alerts_at_once_and_hides_nothing() -> None:
    odd = int(Flag.IMPROBABLE)
    store = said([sample(T0, 4.0, "body_weight", flags=odd)], [sample(T0 + 1, 40.0, flags=odd)])
    assert {a.rule for a in store.alerts.values()} == {"improbable-weight", "improbable-spo2"}
    assert not any(a.rule.startswith("spo2") for a in store.alerts.values())
    text = next(a.explanation for a in store.alerts.values() if a.rule == "improbable-spo2")
    assert text == "SpO2: improbable reading, check patient and sensor: 40.0 %"


def test_late_readings_merge_split_and_revive() -> None:
    rules = (rule("low", "threshold", "spo2", Limit("<", 88)),)
    times = {name: T0 + i * MINUTE for i, name in enumerate("abcde")}
    low = {name: sample(at, 85.0) for name, at in times.items()}
    engine, store = OnlineEngine(rules), Store({1: PLAIN})

    def take(*rows: tuple[Any, ...]) -> list[str]:
        return [change.change for change in store.take(engine, group(*rows), T0)]

    assert take(low["b"]) == ["opened"]
    assert take(sample(times["c"], 95.0), low["d"]) == ["cleared", "opened"]
    first, second = sorted(store.alerts.values(), key=lambda a: a.opened_us)
    assert take(low["a"]) == ["amended"]  # the late reading moves the opening; the id stays
    assert store.alerts[first.id].opened_us == times["a"]
    # The clearing reading turns out to be entered in error: the two become one.
    store.samples = store.samples[store.samples["value"] != 95.0]
    engine.reexamine(1, times["c"])
    changes = store.take(engine, group(), T0, patients=(1,))
    assert [c.change for c in changes] == ["amended", "retracted"]
    assert store.alerts[second.id].merged_into == first.id
    # Another late reading splits it again: the first keeps its id, the other comes back.
    assert take(sample(times["c"] + 1, 96.0)) == ["cleared", "revived"]
    assert store.alerts[second.id].merged_into is None
    assert store.changes[-1].because is not None and store.changes[-1].because.value == "96.0"


def test_the_end_of_an_enrolment_clears_without_a_reading() -> None:
    rules = (rule("low", "threshold", "spo2", Limit("<", 88), programme="copd"),)
    context = replace(COPD, enrolments=(Enrolment("copd", None, T0 + MINUTE),))
    engine, store = OnlineEngine(rules), Store({1: context})
    store.take(engine, group(sample(T0, 80.0)), T0)
    assert [a.condition for a in store.alerts.values()] == ["active"]
    (change,) = store.take(engine, group(), T0 + MINUTE, patients=(1,))
    assert (change.change, change.alert.cleared_us, change.alert.clearing) == ("cleared", T0 + MINUTE, None)
    # A reading from before that end which cleared it earlier arrives after all.
    (change,) = store.take(engine, group(sample(T0 + SECOND, 95.0)), T0 + MINUTE)
    assert (change.change, change.alert.cleared_us) == ("amended", T0 + SECOND)


def test_a_rule_that_fails_is_suspended_and_stops_nobody() -> None:
    real = Threshold.step

    def step(self: Threshold, one: Any, *rest: Any) -> Any:
        if one.id == "broken" and rest[-1].patient == 1:
            raise ZeroDivisionError
        return real(self, one, *rest)

    rules = tuple(rule(name, "threshold", "spo2", Limit("<", 88)) for name in ("broken", "sound"))
    engine, store = OnlineEngine(rules), Store({k: PatientContext(k, f"p{k}") for k in (1, 2)})
    store.take(engine, group(*(sample(T0, 95.0, patient=k) for k in (1, 2))), T0)
    with mock.patch.object(Threshold, "step", step):
        changes = store.take(engine, group(*(sample(T0 + SECOND, 80.0, patient=k) for k in (1, 2))), T0)
        assert {(c.alert.patient, c.alert.rule) for c in changes} == {
            (1, "rule-suspended"),
            (1, "sound"),
            (2, "broken"),
            (2, "sound"),
        }
        assert not store.take(engine, group(sample(T0 + 2 * SECOND, 80.0)), T0), "it is said once"
    told = next(c.alert for c in changes if c.alert.rule == "rule-suspended")
    assert told.priority == "technical" and "Rule broken version 1 failed" in told.explanation
    engine.drop()
    changes = store.take(engine, group(sample(T0 + 3 * SECOND, 80.0)), T0 + MINUTE)
    assert {(c.change, c.alert.rule) for c in changes} >= {("cleared", "rule-suspended")}


def test_a_quiet_patient_is_never_asked_for_again() -> None:
    engine, store = OnlineEngine(shipped_rules()), Store({1: PLAIN})
    for i in range(20):
        store.take(engine, group(*(sample(T0 + (10 * i + k) * SECOND, 97.0) for k in range(10))), T0)
    assert store.fetched == 1 and not store.changes


def test_a_patient_without_a_context_has_no_rules() -> None:
    engine = OnlineEngine(shipped_rules())
    fever = group(sample(T0, 40.0, "body_temp"))
    assert engine.needs(fever, {}) == [] and engine.apply(fever, {}, {}, T0) == []


def test_lifecycle_folds_condition_and_acts() -> None:
    first, second = Act("acknowledge", "Ada", 5), Act("acknowledge", "Ben", 6)
    assert shown("active", ()).state == "active-unacknowledged"
    assert shown("cleared", ()).state == "cleared-unacknowledged"
    assert shown("retracted", ()).state == "closed"
    seen = shown("active", (second, first))
    assert (seen.state, seen.acknowledged_by, seen.acknowledged_us) == ("active-acknowledged", "Ada", 5)
    assert shown("cleared", (first,)).state == "closed"


def test_a_new_device_whose_late_sample_reaches_behind_an_earlier_alert() -> None:
    low = (rule("low", "threshold", "spo2", Limit("<", 88)), rule("fast", "threshold", "heart_rate", Limit(">", 130)))
    open_now = [sample(T0 + 20, 86.0)]
    earlier = [sample(T0 + 10, 86.0), sample(T0 + 15, 95.0)]
    pulse = [sample(T0 + 5, 140.0, "heart_rate")]
    store = said(open_now, earlier, pulse, [sample(T0 + 5, 86.0, device=2)], rules=low)
    assert [k[4:6] for k in store.standing() if k[1] == "low"] == [(T0 + 5, None)]
