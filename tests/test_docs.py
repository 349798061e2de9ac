"""The documentation: complete, true to the code where it repeats it, and free of broken links."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import hookchain
import hookchain.mark
import hookchain.testing
from hookchain import HookChain, Phase, Request
from hookchain.declarations import OPTION_NAMES

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
REFERENCE = "\n".join(page.read_text(encoding="utf-8") for page in sorted((DOCS / "reference").glob("*.md")))


def table(page, first_head):
    """The rows of a page's table, by the first cell; the table whose first line begins with this."""
    lines = (DOCS / page).read_text(encoding="utf-8").partition(first_head)[2].splitlines()[2:]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines[: lines.index("")]]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in rows}


def code(name):
    return f"`{name}`"


@pytest.mark.parametrize("name", hookchain.__all__)
def test_every_public_name_is_in_the_list_of_the_api(name):
    assert re.search(rf"`{name}`", (DOCS / "reference" / "api.md").read_text(encoding="utf-8").replace(", ", "`, `"))


@pytest.mark.parametrize("name", hookchain.mark.__all__)
def test_every_marker_is_in_the_reference(name):
    assert code(name) in (DOCS / "reference" / "api.md").read_text(encoding="utf-8")


def test_everything_for_tests_is_in_the_reference():
    functions = [
        name for name, _ in inspect.getmembers(hookchain.testing, inspect.isfunction)
        if not name.startswith("_") and getattr(hookchain.testing, name).__module__ == "hookchain.testing"
    ]  # fmt: skip
    assert [name for name in functions if f"hookchain.testing.{name}" not in REFERENCE] == []


def test_every_attribute_of_a_request_is_in_the_reference():
    described = inspect.cleandoc(Request.__doc__ or "").partition("Attributes:")[2]
    made_when_asked = {"notes", "options", "env", "headers_out", "err_headers_out"}
    names = made_when_asked.union(re.findall(r"^    (\w+): ", described, re.MULTILINE))
    page = (DOCS / "reference" / "request.md").read_text(encoding="utf-8")
    assert len(names) > 20
    assert [name for name in sorted(names) if not re.search(rf"`{name}`|Request\.{name}\b", page)] == []


def test_every_keyword_of_a_chain_is_described():
    described = HookChain.__init__.__doc__ or ""
    keywords = list(inspect.signature(HookChain).parameters)
    assert [name for name in keywords if not re.search(rf"^\s+{name}: ", described, re.MULTILINE)] == []


def test_every_keyword_and_option_of_a_section_is_in_its_tables():
    page = (DOCS / "reference" / "sections.md").read_text(encoding="utf-8")
    keywords = inspect.signature(HookChain.section).parameters
    assert [name for name in keywords if name != "self" and f"`{name}" not in page and f"{name}=" not in page] == []
    assert [name for name in OPTION_NAMES if code(name) not in table("reference/sections.md", "| option | ")] == []


def test_the_tables_of_phases_say_what_the_code_says():
    assert table("reference/phases.md", "| phase | policy") == {
        code(phase.name): [phase.policy.name, phase.summary] for phase in Phase
    }
    assert table("reference/phases.md", "| phase | httpd") == {
        code(phase.name): [code(phase.hook), code(phase.directive) if phase.directive else "none"] for phase in Phase
    }
    assert list(table("reference/phases.md", "| phase | default")) == [code(phase.name) for phase in Phase]


def test_every_directive_of_mod_python_has_a_counterpart():
    page = (DOCS / "how-to" / "move-from-mod-python.md").read_text(encoding="utf-8")
    for phase in Phase:
        if phase.directive:
            assert f"| `{phase.directive} m` | `@hooks.{phase.value}`" in page


def test_the_tree_of_errors_is_that_of_the_code():
    page = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    tree = page.partition("```text")[2]
    drawn = re.findall(r"^[├└│─ ]*(\w+(?:Error|Warning))(?: \((\w+)\))?", tree, re.MULTILINE)
    errors = {name: base for name, base in drawn if hasattr(hookchain, name)}
    public = [getattr(hookchain, name) for name in hookchain.__all__]
    assert set(errors) == {cls.__name__ for cls in public if isinstance(cls, type) and issubclass(cls, Exception)}
    for name, base in errors.items():
        assert not base or base in {cls.__name__ for cls in getattr(hookchain, name).__mro__}


def test_the_readme_links_to_what_exists():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_every_page_can_be_reached_from_the_index(page):
    name = str(page.relative_to(DOCS).with_suffix(""))
    assert name == "index" or re.search(rf"^{re.escape(name)}$", (DOCS / "index.md").read_text("utf-8"), re.MULTILINE)
