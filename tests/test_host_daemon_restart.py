"""When a machine that has ended is started again."""

import pytest

from hotswap.host.daemon.restart import Again, Ending, Failed, RestartPolicy, Restarts, Stopped

CRASH, WELL = Ending(4, "triple fault"), Ending(0)


def after(ending: Ending, restart: str, restarts: Restarts | None = None, now: float = 0) -> object:
    policy = RestartPolicy(restart, delay=1, delay_max=5, limit=4, within=100)  # type: ignore[arg-type]
    return (restarts or Restarts()).after(ending, "why", policy, now)


@pytest.mark.parametrize(
    ("ending", "restart", "verdict"),
    [
        (CRASH, "no", Failed("why")),
        (CRASH, "on-failure", Again(1, "why")),
        (CRASH, "always", Again(1, "why")),
        (WELL, "no", Stopped()),
        (WELL, "on-failure", Stopped()),
        (WELL, "always", Again(1, "why")),
        (Ending(-9), "on-failure", Again(1, "why")),
        (Ending(None), "on-failure", Again(1, "why")),
        (Ending(0, asked=True), "always", Stopped()),
        (Ending(1, unfit=True), "always", Failed("why")),
    ],
)
def test_the_table(ending: Ending, restart: str, verdict: object) -> None:
    assert after(ending, restart) == verdict


def test_the_delay_doubles_up_to_a_limit_and_then_the_machine_has_failed() -> None:
    restarts = Restarts()
    verdicts = [after(CRASH, "always", restarts, now) for now in range(5)]
    assert verdicts[:4] == [Again(delay, "why") for delay in (1, 2, 4, 5)]
    assert verdicts[4] == Failed("why; it was restarted 4 times within 100 s")


def test_what_was_long_ago_does_not_count() -> None:
    restarts = Restarts()
    for now in range(4):
        after(CRASH, "always", restarts, now)
    assert after(CRASH, "always", restarts, 103) == Again(4, "why")  # two of four are left
    assert after(CRASH, "always", restarts, 1000) == Again(1, "why")


def test_an_operator_s_start_begins_anew() -> None:
    restarts = Restarts()
    for now in range(5):
        after(CRASH, "always", restarts, now)
    restarts.forget()
    assert after(CRASH, "always", restarts, 5) == Again(1, "why")
