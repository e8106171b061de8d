"""A run that is killed again and again, and each time resumed, ends as one without a break."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from inject import killed_runs

from rinject.inject import METRICS_FILE, load_bundle, run_path
from rinject.inject.history import read_history

TESTS = Path(__file__).parent.parent


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that fork")
def test_killed_at_random_moments(tmp_path):
    seed = random.randrange(1_000_000)
    print("seed", seed)  # pytest shows it where the test fails
    ran = subprocess.run(
        [sys.executable, killed_runs.__file__, tmp_path, str(seed)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    about = json.loads(ran.stdout)
    assert about["kills"] >= killed_runs.KILLS
    assert about["during a save"] >= killed_runs.DURING_A_SAVE

    whole, parts = load_bundle(tmp_path / "whole"), load_bundle(tmp_path / "parts")
    pairs = ((whole.model, parts.model), (whole.projection, parts.projection))
    for one, other in pairs:
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name]), name

    history = read_history(tmp_path / "parts" / METRICS_FILE)
    assert [line["step"] for line in history] == list(range(1, killed_runs.STEPS + 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "whole"]
    assert not run_path(tmp_path / "parts").exists()
