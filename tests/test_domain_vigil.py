"""When a job is given up, over lists of moments."""

from mcp_automl.domain.events import Outcome
from mcp_automl.domain.jobs import Ended, Limits, TrainerRef
from mcp_automl.domain.vigil import Vigil

SILENT = Ended(outcome=Outcome.STALLED, reason="sent nothing for 900 s")
IDLE = Ended(
    outcome=Outcome.STALLED, reason="did nothing for 900 s: it lives, but uses no processor"
)
TIMED_OUT = Ended(outcome=Outcome.TIMED_OUT, reason="timed out after 3600 s")


def a_vigil(*, trial_s: float | None = None, trained_s: float = 0.0) -> Vigil:
    return Vigil(Limits(trial_s=trial_s), trained_s=trained_s, began_at=0.0)


def kept(
    vigil: Vigil,
    seconds: int,
    *,
    since: int = 0,
    waits: bool = False,
    cpu_per_beat: float | None = None,
) -> Ended | None:
    """Looks every second, until the job is given up or the time is over.

    Args:
        cpu_per_beat: what the job uses between two heartbeats; None if it sends none.
    """
    for at in range(since + 1, since + seconds + 1):
        if cpu_per_beat is not None and at % 5 == 0:
            vigil.showed_life(at / 5 * cpu_per_beat)
        verdict = vigil.look(float(at), waits=waits)
        if verdict is not None:
            return verdict
    return None


def test_a_job_that_sends_nothing_for_fifteen_minutes_has_stalled_and_not_a_second_before() -> None:
    vigil = a_vigil()

    assert kept(vigil, 899) is None
    assert kept(vigil, 1, since=899) == SILENT


def test_an_epoch_may_last_a_day_as_long_as_it_computes() -> None:
    assert kept(a_vigil(), 86_400, cpu_per_beat=0.02) is None


def test_a_job_whose_heartbeats_show_no_work_has_stalled_and_the_reason_says_so() -> None:
    # What the heartbeats themselves take.
    assert kept(a_vigil(), 1_000, cpu_per_beat=0.0005) == IDLE


def test_a_job_that_fell_silent_while_it_did_nothing_is_given_up_for_both_together() -> None:
    vigil = a_vigil()

    assert kept(vigil, 500, cpu_per_beat=0.0) is None
    assert kept(vigil, 399, since=500) is None
    assert kept(vigil, 1, since=899) == IDLE


def test_a_measurement_is_a_sign_of_work() -> None:
    vigil = a_vigil()

    assert kept(vigil, 899) is None
    vigil.did_something()
    assert kept(vigil, 899, since=899) is None
    assert kept(vigil, 1, since=1798) == SILENT


def test_a_child_that_ends_and_takes_its_processor_time_along_is_a_sign_of_work() -> None:
    vigil = a_vigil()
    vigil.showed_life(100.0)
    assert kept(vigil, 890) is None

    vigil.showed_life(10.0)

    assert kept(vigil, 899, since=890) is None


def test_waiting_for_our_answer_is_no_stall() -> None:
    vigil = a_vigil()

    assert kept(vigil, 5_000, waits=True) is None
    assert kept(vigil, 899, since=5_000) is None
    assert kept(vigil, 1, since=5_899) == SILENT


def test_an_orchestrator_that_was_stopped_for_an_hour_finds_no_job_stalled_on_waking() -> None:
    vigil = a_vigil(trial_s=3_600)
    assert kept(vigil, 10) is None

    assert vigil.look(3_610.0, waits=False) is None
    assert kept(vigil, 888, since=3_610) is None
    assert kept(vigil, 1, since=4_498) == SILENT


def test_a_clock_that_goes_backwards_counts_for_nothing() -> None:
    vigil = a_vigil()

    assert vigil.look(-5_000.0, waits=False) is None
    assert kept(vigil, 898, since=-5_000) is None


def test_a_trial_is_timed_out_however_hard_it_works() -> None:
    assert kept(a_vigil(trial_s=3_600), 3_599, cpu_per_beat=5.0) is None
    assert kept(a_vigil(trial_s=3_600), 3_600, cpu_per_beat=5.0) == TIMED_OUT


def test_what_earlier_attempts_have_trained_counts_towards_the_timeout() -> None:
    vigil = a_vigil(trial_s=3_600, trained_s=3_590.0)

    assert kept(vigil, 9, cpu_per_beat=5.0) is None
    assert kept(vigil, 1, since=9, cpu_per_beat=5.0) == TIMED_OUT


def test_short_limits_are_looked_at_more_often_and_want_more_heartbeats() -> None:
    short = Limits(stall_s=2.0)
    hurried = Limits(trial_s=0.4)

    assert Vigil(short, trained_s=0.0, began_at=0.0).look_seconds == 0.5
    assert Vigil(hurried, trained_s=0.0, began_at=0.0).look_seconds == 0.1
    assert a_vigil().look_seconds == 1.0
    assert (short.heartbeat_s, Limits().heartbeat_s) == (0.5, 5.0)


def test_a_trainers_own_limits_go_before_the_workspaces() -> None:
    ours = Limits(stall_s=900.0, trial_s=60.0)
    plain = TrainerRef(name="plain", module="plain")
    slow = TrainerRef(
        name="slow", module="slow", trial_stall_timeout_s=7_200.0, trial_timeout_s=90.0
    )

    assert ours.of(plain) == ours
    assert ours.of(slow) == Limits(stall_s=7_200.0, trial_s=90.0)
