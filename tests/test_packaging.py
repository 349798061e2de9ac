"""The package as users install it: what is in it, what it needs, what importing it loads."""

from __future__ import annotations

import configparser
import json
import re
import runpy
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

import hookchain

ROOT = Path(__file__).parents[1]
PACKAGES = (
    ROOT / "hookchain",
    ROOT / "adapters" / "flask" / "flask_hookchain",
    ROOT / "adapters" / "django" / "django_hookchain",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return HeaderParser().parsestr(wheel.read(name).decode())


def python(code):
    """Run code in a fresh interpreter that imports nothing by itself; return what it printed."""
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_wheel_holds_the_import_packages_and_nothing_else(wheel):
    packaged = {name for name in wheel.namelist() if ".dist-info/" not in name}
    source = {
        path.relative_to(package.parent).as_posix()
        for package in PACKAGES
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packaged == source
    assert {f"{package.name}/py.typed" for package in PACKAGES} <= packaged


def test_the_wheel_carries_the_licence(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
    assert wheel.read(name).startswith(b"BSD 3-Clause License")


def test_the_wheel_declares_the_command_and_the_pytest_plugin(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    declared = configparser.ConfigParser()
    declared.read_string(wheel.read(name).decode())
    assert {section: dict(declared[section]) for section in declared.sections()} == {
        "console_scripts": {"hookchain": "hookchain.cli:main"},
        "pytest11": {"hookchain": "hookchain.pytest_plugin"},
    }


def test_the_library_alone_needs_werkzeug_and_blinker(metadata):
    needed = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert sorted(re.split(r"[<>=!~ ]", line)[0].lower() for line in needed) == ["blinker", "werkzeug"]
    assert metadata["Requires-Python"] == ">=3.11"


def test_the_wheel_has_the_version_that_the_package_states(metadata):
    assert metadata["Version"] == hookchain.__version__


def test_importing_the_library_loads_only_what_it_needs():
    loaded = json.loads(python("import hookchain, json, sys; print(json.dumps(sorted(sys.modules)))"))
    before = json.loads(python("import json, sys; print(json.dumps(sorted(sys.modules)))"))
    foreign = {name.partition(".")[0] for name in set(loaded) - set(before)} - sys.stdlib_module_names
    assert foreign == {"hookchain", "werkzeug", "markupsafe", "blinker"}


# What Werkzeug does not load of the standard library, and what of hookchain only some programs use.
ON_DEMAND = {"asyncio", "concurrent.futures", "difflib", "pathlib", "subprocess", "tomllib"}
ON_DEMAND |= {f"hookchain.{name}" for name in ("access_log", "adelivery", "asgi", "checks", "config", "explain")}
ON_DEMAND |= {f"hookchain.{name}" for name in ("explanation", "files", "threads", "wsgi")}


def test_what_a_program_may_never_need_is_not_loaded_before_it_does():
    loaded = json.loads(python("import hookchain, json, sys; print(json.dumps(sorted(sys.modules)))"))
    before = json.loads(python("import werkzeug.wrappers, json, sys; print(json.dumps(sorted(sys.modules)))"))
    assert ON_DEMAND & (set(loaded) - set(before)) == set()


def test_a_wsgi_application_answers_without_asyncio():
    code = """if True:
        import sys, hookchain, werkzeug.test
        hooks = hookchain.HookChain(access_log=False)
        hooks.fixup(lambda req: hookchain.DECLINED)
        hooks.content("/fails")(lambda req: 1 / 0)
        hooks.content(lambda req: req.get_data())
        client = werkzeug.test.Client(hooks.wsgi())
        print(client.post("/", data="body").text, client.post("/fails").status_code, "asyncio" in sys.modules)"""
    assert python(code).split() == ["body", "500", "False"]


def test_every_public_name_can_be_imported_and_is_listed_once():
    listed = hookchain.__all__
    assert sorted(set(listed)) == sorted(listed)
    assert [name for name in listed if not hasattr(hookchain, name)] == []


def test_every_name_that_the_package_imports_for_users_is_listed():
    imported = {name for name in vars(hookchain) if name.isidentifier() and not name.startswith("_")}
    modules = {name for name in imported if f"hookchain.{name}" in sys.modules}
    assert imported - modules - {"annotations", "TYPE_CHECKING"} | set(hookchain._ON_DEMAND) == set(hookchain.__all__)


def test_names_that_are_imported_on_demand_are_like_any_others():
    code = """if True:
        import hookchain
        assert set(hookchain.__all__) <= set(dir(hookchain))
        assert not hasattr(hookchain, "AccessLogg")
        from hookchain import *
        assert AccessLog is hookchain.AccessLog is __import__("hookchain.access_log").access_log.AccessLog
        print(AsyncResponse.__name__, Explanation.__name__)"""
    assert python(code).split() == ["AsyncResponse", "Explanation"]
    assert not hasattr(hookchain, "AccessLogg")
    assert set(hookchain.__all__) <= set(dir(hookchain))


def test_the_list_of_public_names_is_written_out_so_that_tools_can_read_it():
    source = (ROOT / "hookchain" / "__init__.py").read_text(encoding="utf-8")
    listed = source.partition("__all__ = ")[2]
    assert json.loads(listed.replace(",\n]", "\n]")) == hookchain.__all__


@pytest.mark.parametrize("package", ["click", "rich"])
def test_the_command_without_its_extra_says_what_to_install(package):
    code = f"import sys; sys.modules[{package!r}] = None; from hookchain.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert "hookchain[cli]" in ran.stderr


@pytest.mark.parametrize("extra", ["cli", "serve", "flask", "django"])
def test_the_extras_of_command_and_adapters_exist(extra, metadata):
    assert extra in metadata.get_all("Provides-Extra")


def test_the_committed_picture_of_the_phases_is_the_one_that_the_enum_gives():
    drawn = runpy.run_path(str(ROOT / "docs" / "phase_diagram.py"))["draw"]()
    committed = (ROOT / "docs" / "_static" / "phases.svg").read_text(encoding="utf-8")
    assert committed == drawn, "run: python docs/phase_diagram.py"


def test_the_picture_names_every_phase_with_its_hook_and_directive():
    committed = (ROOT / "docs" / "_static" / "phases.svg").read_text(encoding="utf-8")
    for phase in hookchain.Phase:
        for word in (phase.name, phase.hook, phase.directive or phase.hook):
            assert f">{word}</text>" in committed
