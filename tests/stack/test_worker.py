"""Workers on a real broker and a real engine: every cell equals a plain count, whatever is killed."""

from __future__ import annotations

import signal

from tests.stack.builders.folding import Folding, ended, until


def test_every_cell_is_right_after_a_kill_a_zombie_and_a_clean_end(folding: Folding) -> None:
    folding.publish(3000)
    workers = [folding.spawn("a"), folding.spawn("b")]
    try:
        until(lambda: folding.folded() > 500, "the first records folded")
        workers[0].send_signal(signal.SIGKILL)
        folding.publish(2000)
        until(lambda: folding.folded() == folding.published(), "b folds what a owned")
        workers.append(folding.spawn("c"))
        until(lambda: "gave this worker events" in folding.said("c"), "c is a member")
        # A zombie: it sleeps beyond its session, then goes on with what it believes to own.
        folding.publish(1000)
        workers[1].send_signal(signal.SIGSTOP)
        folding.publish(2000)
        until(lambda: folding.folded() == folding.published(), "c folds what the sleeper owned")
        workers[1].send_signal(signal.SIGCONT)
        folding.publish(1000)
        until(lambda: folding.folded() == folding.published(), "all folded, by whomever")
        # The group has come to rest, with both: what each ends with is committed.
        until(lambda: folding.committed() == folding.published(), "all committed")
        folding.publish(500)
        until(lambda: folding.folded() == folding.published(), "both fold again")
        for worker in workers[1:]:
            worker.send_signal(signal.SIGTERM)
        assert [worker.wait(15) for worker in workers[1:]] == [0, 0]
    finally:
        ended(workers)
    # A commit that meets a rebalance must not cause the next one: the group comes to rest.
    assert folding.said("c").count("The group gave this worker") < 15
    assert folding.differences() == []
    assert folding.committed() == folding.published()
