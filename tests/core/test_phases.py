"""The phases: their order, and what each says about itself."""

from __future__ import annotations

import pytest

from hookchain import HookChain, Phase, Policy
from hookchain.phases import CYCLE_PHASES, PHASE_NAMES, phase_named

FIRST, ALL, VOID = Policy.RUN_FIRST, Policy.RUN_ALL, Policy.VOID

TABLE = [
    ("POST_READ_REQUEST", "post_read_request", "PythonPostReadRequestHandler", ALL),
    ("TRANS", "translate_name", "PythonTransHandler", FIRST),
    ("MAP_TO_STORAGE", "map_to_storage", None, FIRST),
    ("HEADER_PARSER", "header_parser", "PythonHeaderParserHandler", ALL),
    ("ACCESS", "access_checker", "PythonAccessHandler", ALL),
    ("AUTHEN", "check_user_id", "PythonAuthenHandler", FIRST),
    ("AUTHZ", "auth_checker", "PythonAuthzHandler", FIRST),
    ("TYPE", "type_checker", "PythonTypeHandler", FIRST),
    ("FIXUP", "fixups", "PythonFixupHandler", ALL),
    ("CONTENT", "handler", "PythonHandler", FIRST),
    ("LOG", "log_transaction", "PythonLogHandler", ALL),
    ("CLEANUP", "pool cleanup", "PythonCleanupHandler", VOID),
]


def test_the_phases_stand_in_request_order_with_the_names_of_httpd_and_mod_python():
    assert [(phase.name, phase.hook, phase.directive, phase.policy) for phase in Phase] == TABLE


def test_every_phase_says_in_one_line_what_it_is_for():
    assert all(phase.summary and "\n" not in phase.summary for phase in Phase)


def test_log_and_cleanup_are_no_phases_that_an_answer_may_end():
    assert [*CYCLE_PHASES, Phase.LOG, Phase.CLEANUP] == list(Phase)


@pytest.mark.parametrize("name", PHASE_NAMES)
def test_there_is_a_decorator_for_each_phase_by_its_lower_case_name_on_chain_and_section(name):
    hooks = HookChain()
    for registry in (hooks, hooks.section("/a")):
        assert callable(getattr(registry, name))


def test_init_is_a_name_to_register_under_and_no_phase_of_its_own():
    assert "init" in PHASE_NAMES
    assert "INIT" not in Phase.__members__


@pytest.mark.parametrize("name", ["authen", "AUTHEN", "Authen", Phase.AUTHEN])
def test_a_phase_is_found_by_its_name_in_any_letter_case(name):
    assert phase_named(name) is Phase.AUTHEN


def test_a_phase_can_be_a_key_and_is_itself_alone():
    assert len(dict.fromkeys(Phase)) == len(Phase)
