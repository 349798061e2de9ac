"""Run a module without root's power over files: ``python -m tests.servers.without_privileges MODULE ...``.

Permissions then hold for it as for any user, and unlike nobody it can read an interpreter that lies in root's home.
"""

from __future__ import annotations

import ctypes
import os
import sys

# linux/prctl.h and linux/capability.h
PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


def drop_power_over_files() -> None:
    """Take from root what lets it pass over permissions; what is executed next is without."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "capabilities can't be dropped")


if __name__ == "__main__":
    if os.geteuid() == 0:
        drop_power_over_files()
    os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])
