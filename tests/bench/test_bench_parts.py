"""The parts on which the benchmarks' figures rest."""

import os
import time

import pytest
import typer
from typer.testing import CliRunner

from ops.bench import __main__ as command
from ops.bench.cpu import cpu_seconds
from ops.bench.histograms import buckets_of, quantile
from ops.bench.order_load import answer_code
from ops.bench.paired import ratio
from ops.bench.payload import timed_text
from ops.bench.tape import tape
from ops.bench.timed_readers import ages_of, percentiles


def test_a_ratio_is_that_of_the_rounds_which_a_slow_while_of_the_machine_does_not_touch() -> None:
    assert ratio([1.0, 1.1, 3.0, 1.0, 0.9], [2.0, 2.2, 6.0, 2.0, 1.8]) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="shorter"):
        ratio([1.0, 2.0], [1.0])


def test_a_ratio_is_the_mean_of_its_rounds_without_the_outer_quarters() -> None:
    assert ratio([9.0, 1.0, 2.0, 3.0, 6.0, 0.1], [1.0] * 6) == pytest.approx(3.0)
    assert ratio([1.0, 2.0, 6.0], [1.0] * 3) == pytest.approx(3.0)
    assert ratio([4.0], [2.0]) == pytest.approx(2.0)


def test_messages_are_timed_however_they_are_cut() -> None:
    made = [timed_text(60) for _ in range(5)]
    stream = b"".join(b"\x81\x3c" + text for text in made)
    now = time.time_ns()

    for size in (1, 7, 61, 500):
        ages, rest = [], b""
        for start in range(0, len(stream), size):
            found, rest = ages_of(rest + stream[start : start + size], now)
            ages += found
        assert ages == [now - int(text[6:25]) for text in made]


def test_a_text_has_exactly_the_size_that_was_asked_for() -> None:
    assert [len(timed_text(size)) for size in (40, 200, 4_000)] == [40, 200, 4_000]


def test_percentiles_are_in_milliseconds() -> None:
    found = percentiles([number * 1_000_000 for number in range(1, 101)])

    assert (found.p50, found.p99, found.most, found.messages) == (51.0, 100.0, 100.0, 100)


def test_cpu_of_a_process_grows_with_its_work() -> None:
    before = cpu_seconds(os.getpid())
    started = time.process_time()
    while time.process_time() - started < 0.05:
        pass

    assert 0.05 <= cpu_seconds(os.getpid()) - before < 1.0


def test_the_tape_is_the_same_at_every_run() -> None:
    first, second = list(tape(500, 10**18)), list(tape(500, 10**18))

    assert first == second
    assert [trade.venue_seq for trade in first] == list(range(1, 501))
    assert first == sorted(first, key=lambda trade: trade.ts)


def test_quantiles_are_of_what_was_observed_between_two_readings() -> None:
    before, after = {0.1: 5.0, 0.2: 5.0, float("inf"): 5.0}, {0.1: 9.0, 0.2: 13.0, float("inf"): 15.0}

    assert quantile(before, after, 0.2) == pytest.approx(0.05)
    assert quantile(before, after, 0.6) == pytest.approx(0.15)
    assert quantile(before, after, 0.99) == 0.2
    assert quantile(after, after, 0.5) is None


def test_buckets_are_read_from_an_exposition() -> None:
    text = '# TYPE delay histogram\ndelay_bucket{le="0.1"} 1\ndelay_bucket{le="+Inf"} 2\ndelay_count 2\ndelay_sum 1\n'

    assert buckets_of(text, "delay") == {0.1: 1.0, float("inf"): 2.0}
    assert buckets_of(text, "other") == {}


def test_an_answer_counts_when_it_is_whole() -> None:
    refused = b'HTTP/1.1 409 \r\ncontent-length: 33\r\n\r\n{"error":{"code":"risk.collar"}}\r\n'

    assert answer_code(b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\n{}") == "ok"
    assert answer_code(refused[:-3]) is None
    assert answer_code(refused + b" ") == "risk.collar"


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    application = typer.Typer()
    application.command()(command.main)

    result = CliRunner().invoke(application, ["nonsense"])

    assert result.exit_code == 2
    assert "slow-reader" in result.output
