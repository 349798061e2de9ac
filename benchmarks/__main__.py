"""``python -m benchmarks``: measure, print the table, write JSON and plots."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from .page import RESULTS, write_page
from .report import table
from .run import FULL, QUICK, SMOKE, run


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less than a minute: wider spread, nothing is written")
    parser.add_argument("--smoke", action="store_true", help="only see that everything runs")
    parser.add_argument("--match", default="", help="only cases whose name contains one of these parts, with commas")
    parser.add_argument("--page", action="store_true", help="measure nothing; write plots and page from the results")
    given = parser.parse_args()
    if not given.page:
        effort = SMOKE if given.smoke else QUICK if given.quick else FULL
        document = run(effort, given.match)
        _tell(document)
        if effort is not FULL or given.match:
            return
        RESULTS.mkdir(exist_ok=True)
        version = "{}.{}".format(*sys.version_info)
        (RESULTS / f"{version}.json").write_text(json.dumps(document, indent=1) + "\n")
    write_page()


def _tell(document: dict[str, Any]) -> None:
    print(f"Python {document['machine']['python']}; 1 x is one plain Python function call")
    print(table(document["rows"]))
    for name, why in document["left_out"].items():
        print(f"left out: {name} ({why})")
    missing = [name for name, version in document["versions"].items() if version == "not installed"]
    if missing:
        print(f"not installed, so left out: {', '.join(missing)}")


main()
