"""The example does what its chain says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SITE = Path(__file__).parents[3] / "examples" / "django_site"
ADAPTER = SITE.parents[1] / "adapters" / "django"
SCRIPT = """
import django
django.setup()
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import Client
call_command("check", "--fail-level", "WARNING")
call_command("migrate", verbosity=0)
make = get_user_model().objects.create_user
make("ann", password="x", is_staff=True, is_superuser=True), make("bob", password="x")
def get(path, name=None, **environ):
    client = Client(raise_request_exception=False)
    if name:
        assert client.login(username=name, password="x")
    response = client.get(path, **environ)
    assert response.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
    return response.status_code
print(get("/"), get("/admin/"), get("/admin/login/"), get("/admin/", "bob"), get("/admin/", "ann"))
print(get("/admin/", "ann", REMOTE_ADDR="192.0.2.1"), get("/admin/login/", REMOTE_ADDR="192.0.2.1"), get("/no"))
"""


def test_the_admin_is_for_staff_in_the_office(tmp_path):
    variables = {
        "DJANGO_SETTINGS_MODULE": "mysite.settings",
        "DJANGO_DATABASE": str(tmp_path / "db.sqlite3"),
        "PYTHONPATH": os.pathsep.join([str(SITE), str(ADAPTER), str(SITE.parents[1])]),
    }
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=False, capture_output=True, text=True, env={**os.environ, **variables}
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-2:] == ["200 302 200 403 200", "404 404 404"]
