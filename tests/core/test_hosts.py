"""Where sections go by host, a Host header that is none gets nowhere."""

from __future__ import annotations

import pytest

from hookchain import HookChain
from tests.asking import by_handle


def chain_by_host():
    hooks = HookChain(access_log=False)
    hooks.section(hosts="admin.example").access(lambda req: 403)
    hooks.content(lambda req: "reached")
    return hooks


@pytest.mark.parametrize("host", ["admin.example:80:80", "user@admin.example", "admin.example:x", "a/b", "[::1", "."])
def test_a_host_that_is_no_name_is_answered_400_where_sections_go_by_host(host, error_log):
    assert by_handle(chain_by_host(), host=host).status == 400
    assert "the Host header is no host name" in error_log()


@pytest.mark.parametrize("host", ["admin.example", "ADMIN.example.", "admin.example:8080"])
def test_every_spelling_of_a_host_is_that_host(host):
    assert by_handle(chain_by_host(), host=host).status == 403


@pytest.mark.parametrize("host", ["", "other.example", "admin.example,other.example"])
def test_a_missing_other_or_repeated_host_never_matches(host):
    assert by_handle(chain_by_host(), host=host).text == "reached"


def test_a_chain_without_hosts_leaves_the_host_header_alone():
    hooks = HookChain(access_log=False)
    hooks.content(lambda req: "reached")
    assert by_handle(hooks, host="user@admin.example").text == "reached"
