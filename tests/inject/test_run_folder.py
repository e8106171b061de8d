"""The folder of an unfinished run: its lock, its checkpoints, what is left after the end."""

from __future__ import annotations

import signal
import threading

import pytest
from inject import small_injection
from inject.small_run import assert_same, run, stop_after

from rinject.errors import InputError
from rinject.inject import METRICS_FILE, Interrupted, load_bundle, run_path
from rinject.inject.run_folder import RunFolder, held_run_folder


def saved(directory):
    return sorted(path.name for path in run_path(directory).glob("step-*"))


def interrupted(directory, step, **changed):
    """A run that saved after every step until it was stopped."""
    with pytest.raises(Interrupted):
        run(directory, report=stop_after(step), log_every=1, checkpoint_minutes=1e-9, **changed)


def test_the_last_two_checkpoints_are_kept(tmp_path):
    interrupted(tmp_path / "b", 5)
    assert saved(tmp_path / "b") == ["step-000004.safetensors", "step-000005.safetensors"]


def test_checkpoints_come_by_the_clock(tmp_path):
    now, written = [0.0], []

    def report(progress):
        now[0] += 60.0  # each step takes a minute
        written.append(saved(tmp_path / "b"))

    run(
        tmp_path / "b", report=report, log_every=1, checkpoint_minutes=2,
        extra={"clock": lambda: now[0]},
    )  # fmt: skip
    two, four = "step-000002.safetensors", "step-000004.safetensors"
    assert written == [[], [], [two], [two], [two, four], [two, four]]
    assert not run_path(tmp_path / "b").exists()


def test_none_by_the_clock(tmp_path):
    interrupted(tmp_path / "b", 3)
    run(tmp_path / "b", checkpoint_minutes=0, extra={"resume": True, "clock": lambda: 0.0})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal(tmp_path, number):
    with pytest.raises(Interrupted, match="stopped after step 4 of 6") as caught:
        run(tmp_path / "b", report=stop_after(4, number))
    assert saved(tmp_path / "b") == ["step-000004.safetensors"]
    assert "--resume" in caught.value.hint


@pytest.mark.parametrize("damage", ["truncated", "empty", "other bytes"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, damage):
    whole = run(tmp_path / "whole")
    interrupted(tmp_path / "b", 4)
    newest = run_path(tmp_path / "b") / "step-000004.safetensors"
    data = newest.read_bytes()
    newest.write_bytes({"truncated": data[:-1], "empty": b"", "other bytes": b"x" * 99}[damage])
    warnings = []
    parts = run(tmp_path / "b", extra={"resume": True, "say": warnings.append})
    assert_same(whole, parts)
    assert warnings == [
        f"the checkpoint {newest} is damaged: continuing from step-000003.safetensors"
    ]


def test_the_settings_are_those_of_the_run(tmp_path):
    interrupted(tmp_path / "b", 4, beta=2.5)
    folder = RunFolder(run_path(tmp_path / "b"))
    (folder.path / "step-000004.safetensors").write_bytes(b"x")
    found = folder.settings()
    assert found["beta"] == 2.5
    assert found == small_injection.settings(beta=2.5).run_record() | {
        "task_rows": found["task_rows"]
    }


def test_all_are_damaged(tmp_path):
    interrupted(tmp_path / "b", 4)
    for path in run_path(tmp_path / "b").glob("step-*"):
        path.write_bytes(b"x")
    with pytest.raises(InputError, match=r"step-000003.safetensors is damaged"):
        RunFolder(run_path(tmp_path / "b")).settings()
    with pytest.raises(InputError, match=r"step-000003.safetensors is damaged") as caught:
        run(tmp_path / "b", extra={"resume": True})
    assert str(run_path(tmp_path / "b")) in caught.value.hint


def test_a_damaged_one_is_not_counted_among_the_last_two(tmp_path):
    interrupted(tmp_path / "b", 5)
    (run_path(tmp_path / "b") / "step-000005.safetensors").write_bytes(b"x")
    (run_path(tmp_path / "b") / "step-000099.safetensors").write_bytes(b"x")
    with pytest.raises(Interrupted):
        run(tmp_path / "b", report=stop_after(5), log_every=1, extra={"resume": True})
    assert saved(tmp_path / "b") == ["step-000004.safetensors", "step-000005.safetensors"]


def test_no_checkpoint(tmp_path):
    with pytest.raises(InputError, match="there is no checkpoint"):
        run(tmp_path / "b", extra={"resume": True})
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_run_is_not_lost_to_a_new_one(tmp_path):
    interrupted(tmp_path / "b", 2)
    with pytest.raises(InputError, match="an unfinished run, stopped after step 2") as caught:
        run(tmp_path / "b")
    assert "--resume" in caught.value.hint
    assert "step-000002.safetensors" in saved(tmp_path / "b")


def test_a_second_run_is_refused(tmp_path):
    refused = []

    def report(progress):
        with pytest.raises(InputError, match=r"another run is writing b: process \d+ on ") as found:
            run(tmp_path / "b")
        refused.append(found.value.hint)

    result = run(tmp_path / "b", report=report)
    assert set(refused) == {"wait for it, stop it, or choose another --output"}
    assert result.bundle.path == tmp_path / "b"


def test_one_at_a_time_and_no_trace(tmp_path):
    """Many that want the same folder: never two at once, and each may have it afterwards."""
    inside, most, had, refused = [], [], [], []

    def work(number):
        for _ in range(40):
            try:
                with held_run_folder(tmp_path / "b"):
                    inside.append(number)
                    most.append(len(inside))
                    inside.remove(number)
                    had.append(number)
            except InputError:
                refused.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(had) + len(refused) == 160
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder(tmp_path):
    run_path(tmp_path / "b").write_text("mine")
    with pytest.raises(InputError, match=r"b\.run is a file"):
        run(tmp_path / "b")


def test_what_killed_runs_left_is_cleaned(tmp_path):
    folder = run_path(tmp_path / "b")
    folder.mkdir()
    (folder / "lock").touch()  # of a process that is gone: nobody holds it
    (folder / "holder").write_text("process 1 on a machine")
    (folder / "step-000003.safetensors.partial").write_bytes(b"x")
    (folder / ".tmpAbC123").write_bytes(b"x")  # as safetensors calls what it is writing
    for name in (".b.abcd1234", ".b.other", ".c.abcd1234"):
        (tmp_path / name).mkdir()
    with held_run_folder(tmp_path / "b") as held:
        assert sorted(path.name for path in held.path.iterdir()) == ["holder", "lock"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.other", ".c.abcd1234"]


def test_a_bundle_moved_out_of_the_way_comes_back(tmp_path):
    old = tmp_path / ".b.abcd1234.old"
    old.mkdir()
    (old / "config.json").write_text("{}")
    with held_run_folder(tmp_path / "b"):
        assert (tmp_path / "b" / "config.json").read_text() == "{}"
    assert not old.exists()


def test_where_several_train_only_the_main_process_writes(tmp_path):
    with held_run_folder(tmp_path / "b", is_main=False) as folder:
        assert folder.checkpoints() == []
        folder.begin()
        folder.clear()
    assert list(tmp_path.iterdir()) == []


def test_the_figures_end_in_the_bundle(tmp_path):
    run(tmp_path / "b")
    record = load_bundle(tmp_path / "b").record
    assert METRICS_FILE in record.files
    (tmp_path / "b" / METRICS_FILE).write_text("")
    with pytest.raises(InputError, match=r"metrics\.jsonl has changed"):
        load_bundle(tmp_path / "b")
