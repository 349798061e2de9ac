"""The example with Flask-Login: who gets in, who is sent to the login page, and what the log says."""

from __future__ import annotations

import logging

import pytest
from flask import session

from examples.flask_login_app import create_app


@pytest.fixture
def client(caplog):
    caplog.set_level(logging.INFO, logger="hookchain.access")
    return create_app().test_client()


def log_in(client, name, password):
    return client.post("/log-in", data={"name": name, "password": password})


def test_strangers_see_the_front_page_and_are_sent_to_the_login_page_from_the_rest(client):
    assert client.get("/").text == "welcome"
    for path in ("/members", "/admin/users"):
        answer = client.get(path)
        assert (answer.status_code, answer.location) == (302, "/log-in")
    assert "<form" in client.get("/log-in").text


def test_members_get_in_after_they_have_logged_in_and_until_they_log_out(client):
    assert log_in(client, "bob", "gull").location == "/members"
    assert client.get("/members").text == "hello bob"
    assert client.get("/admin/users").status_code == 403
    assert client.post("/members/log-out").location == "/"
    assert client.get("/members").status_code == 302


def test_admins_get_in_everywhere(client):
    log_in(client, "ann", "heron")
    assert client.get("/admin/users").text == "ann\nbob"


@pytest.mark.parametrize(("name", "password"), [("ann", "gull"), ("carl", "heron"), ("", "")])
def test_a_wrong_password_is_told_and_opens_nothing(client, name, password):
    answer = log_in(client, name, password)
    assert (answer.status_code, "not right" in answer.text) == (403, True)
    assert client.get("/members").status_code == 302


def test_what_nobody_has_named_is_closed(client):
    log_in(client, "ann", "heron")
    assert client.get("/nowhere").status_code == 403


def test_the_access_log_names_the_user(client, caplog):
    log_in(client, "ann", "heron")
    assert client.get("/members").text == "hello ann"
    (line,) = [record.getMessage() for record in caplog.records if "GET /members" in record.getMessage()]
    assert " - ann [" in line


def test_the_session_can_be_inspected_in_tests(client):
    with client:
        log_in(client, "ann", "heron")
        assert session["_user_id"] == "ann"
