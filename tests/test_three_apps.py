"""One policy in three apps: the example does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

RUN = Path(__file__).parents[1] / "examples" / "one-policy-three-apps" / "run.py"


def test_the_same_policy_gives_the_same_answers_and_access_logs_in_flask_django_and_fastapi():
    ran = subprocess.run(
        [sys.executable, str(RUN), "--check"], check=False, capture_output=True, text=True, timeout=200
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "11 requests: the three apps gave the same answers, and the three access logs agree" in ran.stdout
    logs = re.findall(r"^(\w+):\n((?:  .*\n)+)", ran.stdout, re.MULTILINE)
    assert [app for app, _ in logs] == ["Flask", "Django", "FastAPI"]
    assert {log for _, log in logs} == {logs[0][1]}


def test_the_policy_knows_no_framework():
    policy = RUN.with_name("policy.py").read_text(encoding="utf-8")
    assert re.findall(r"^(?:from|import) (\w+)", policy, re.MULTILINE) == [
        "__future__",
        "ipaddress",
        "os",
        "re",
        "sys",
        "uuid",
        "pathlib",
        "werkzeug",
        "hookchain",
    ]
