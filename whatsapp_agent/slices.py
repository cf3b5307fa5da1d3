"""How long a process computes before another one may, where Linux can be asked (6.12 on).

Who asks for short slices is let in soon after it wakes, also where all processors are busy
with those who ask for long ones.
"""

import ctypes
import os
import platform

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}


class _Attributes(ctypes.Structure):
    """`struct sched_attr`; zero is the policy of ordinary processes."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),  # nanoseconds
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    ]


def ask_for(seconds: float) -> bool:
    """For this thread and those it starts from now on; return whether it was granted."""
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return False
    attributes = _Attributes(
        size=ctypes.sizeof(_Attributes),
        nice=os.getpriority(os.PRIO_PROCESS, 0),  # stays as it is
        runtime=round(seconds * 1e9),
    )
    return ctypes.CDLL(None).syscall(number, 0, ctypes.byref(attributes), 0) == 0
