"""SIGINT and SIGTERM wait for the end of a step, a second one does not."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from rinject.inject.interrupts import SIGNALS, held_interrupts


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits(number):
    before = [signal.getsignal(each) for each in SIGNALS]
    with held_interrupts() as is_stopped:
        assert not is_stopped()
        os.kill(os.getpid(), number)
        assert is_stopped()
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_one_of_each_kind_waits():
    with held_interrupts() as is_stopped:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        assert is_stopped()


def test_a_second_ctrl_c_stops_at_once():
    with held_interrupts():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_sigterm_does_what_it_did_before():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("SIGTERM"))
    try:
        with held_interrupts():
            signal.raise_signal(signal.SIGTERM)
            assert not seen
            signal.raise_signal(signal.SIGTERM)
            assert seen == ["SIGTERM"]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_what_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with held_interrupts() as is_stopped:
        signal.raise_signal(signal.SIGINT)
        assert not is_stopped()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_in_another_thread_nothing_is_held():
    found = []

    def work():
        with held_interrupts() as is_stopped:
            found.append((is_stopped(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(False, signal.default_int_handler)]
