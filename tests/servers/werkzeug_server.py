"""Werkzeug's server from the command line: ``python -m tests.servers.werkzeug_server module:app PORT``."""

from __future__ import annotations

import importlib
import logging
import sys

from werkzeug.serving import run_simple

if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple("127.0.0.1", int(sys.argv[2]), getattr(importlib.import_module(module), name), threaded=True)
