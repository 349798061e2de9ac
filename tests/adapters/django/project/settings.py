"""The settings of the project that the tests run; each test sets its chain."""

from __future__ import annotations

import atexit
import shutil
import tempfile

from hookchain import HookChain

FOLDER = tempfile.mkdtemp(prefix="django-project-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

SECRET_KEY = "of no importance"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.adapters.django.project.urls"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django_hookchain",
]
CHAIN = HookChain("nothing", access_log=False)
HOOKCHAIN = {"CHAIN": "tests.adapters.django.project.settings.CHAIN"}
MIDDLEWARE = ["django_hookchain.HookChainMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER}/db.sqlite3"}}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {}}]
LOGGING_CONFIG = None
USE_TZ = True
