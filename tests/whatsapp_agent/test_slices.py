import os
import subprocess
import sys

from whatsapp_agent import slices

ASK = """
import os
from whatsapp_agent import slices
os.nice(3)
is_granted = slices.ask_for(0.0005)
print(is_granted, os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))
"""


def test_a_slice_leaves_policy_and_niceness_as_they_are():
    told = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, check=True
    )

    granted, policy, nice = told.stdout.split()
    assert granted in ("True", "False")  # older kernels know no slices
    assert (int(policy), int(nice)) == (os.SCHED_OTHER, os.getpriority(0, 0) + 3)


def test_a_machine_that_is_not_known_is_asked_nothing(monkeypatch):
    monkeypatch.setattr(slices.platform, "machine", lambda: "riscv64")

    assert slices.ask_for(0.001) is False
