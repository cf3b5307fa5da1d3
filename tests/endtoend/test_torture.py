import subprocess
import sys

import pytest

from tests.standins.agent import ROOT

pytestmark = pytest.mark.slow


def test_nothing_is_lost_or_doubled_while_processes_are_killed_and_frozen():
    command = [sys.executable, "-m", "bench.torture", "--control", "none", "--short"]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "VERDICT  OK" in run.stdout


def test_nothing_is_lost_or_doubled_when_the_power_is_cut():
    command = [sys.executable, "-m", "bench.power", "--cuts=2", "--synchronous=FULL"]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 power cuts" in run.stdout
