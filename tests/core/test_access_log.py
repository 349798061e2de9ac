"""Where lines go, which are written, and the JSON format."""

from __future__ import annotations

import gc
import io
import json
import logging
import re
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers

from hookchain.access_log import AccessLog
from hookchain.exceptions import DeclarationError
from tests.core.log_records import START, record, redirected, requests


def access_logger(name="tests.access"):
    logger = logging.getLogger(name)
    logger.setLevel(logging.INFO)
    return logger


def written(**options):
    stream = io.StringIO()
    req = options.pop("req", None) or record()
    AccessLog(to=stream, **options).write(req)
    return stream.getvalue()


class Refusing:
    name = "<full>"

    def write(self, text):
        raise OSError(28, "No space left on device")

    def flush(self):
        self.write("")


class Full:
    """A file that takes two bytes at a time, and then no more."""

    def __init__(self, size=0):
        self.data = b""
        self.size = size

    def write(self, data):
        if len(self.data) >= self.size:
            raise OSError(28, "No space left on device")
        self.data += data[:2]
        return len(data[:2])

    def close(self):
        pass


# -- formats by name


def test_combined_is_the_default_and_common_is_its_beginning():
    combined, common = written(), written(format="common")
    assert re.fullmatch(
        r"192\.0\.2\.7 - ann \[../.../2026:..:..:38 [+-]....\] "
        r'"GET /a%20b/index\.html\?x=1 HTTP/1\.1" 200 5 "-" "curl/8"\n',
        combined,
    )
    assert combined.startswith(common.rstrip("\n") + " ")


def test_any_apache_format_may_stand_for_a_name():
    assert written(format="%m %U") == "GET /a b/index.html\n"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("combine", "did you mean 'combined'"),
        ("jason", "did you mean 'json'"),
        ("", "common, combined, json"),
        ("no directive here", "directives such as %h"),
        ("%Z", "'%Z' at character 1"),
    ],
)
def test_a_name_or_format_that_is_wrong_is_refused_at_once(text, part):
    with pytest.raises(DeclarationError, match=re.escape(part)):
        AccessLog(text)


def test_a_declaration_error_is_a_value_error():
    with pytest.raises(ValueError, match="no access log format"):
        AccessLog("nothing")


# -- the option of a chain


def test_the_option_stands_for_no_log_for_combined_for_a_format_or_for_itself():
    own = AccessLog("common")
    logs = [AccessLog.from_option(value) for value in (False, True, "json", "%h %s", own)]
    assert [log and log.format for log in logs] == [None, "combined", "json", "%h %s", "common"]
    assert logs[-1] is own


@pytest.mark.parametrize("value", [None, 1, ["combined"], {"format": "json"}])
def test_an_option_of_another_kind_is_refused(value):
    with pytest.raises(DeclarationError, match="access_log="):
        AccessLog.from_option(value)


# -- which requests


def test_when_chooses_the_requests():
    assert written(format="%s", when=lambda req: req.status >= 400) == ""
    assert written(format="%s", when=lambda req: req.status >= 400, req=record(status=404)) == "404\n"


def test_when_that_raises_loses_no_line_and_is_logged(caplog):
    assert written(format="%s", when=lambda req: 1 / 0) == "200\n"
    assert [(entry.name, entry.levelname) for entry in caplog.records] == [("hookchain", "ERROR")]
    assert "when=" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_when_must_be_a_function():
    options: dict[str, Any] = {"when": "no"}
    with pytest.raises(DeclarationError, match="when='no'"):
        AccessLog(**options)


# -- loggers


def test_the_default_destination_is_the_logger_hookchain_access(caplog):
    with caplog.at_level(logging.INFO, "hookchain.access"):
        AccessLog("%s 100%% %m").write(record())
    assert caplog.record_tuples == [("hookchain.access", logging.INFO, "200 100% GET")]


def test_a_logger_or_logger_adapter_gets_each_line_as_a_message(caplog):
    logger = access_logger()
    AccessLog("%s", to=logger).write(record())
    AccessLog("%m", to=logging.LoggerAdapter(logger, {})).write(record())
    assert [entry.getMessage() for entry in caplog.records] == ["200", "GET"]


def test_nothing_is_formatted_for_a_logger_that_is_switched_off():
    logger = logging.getLogger("tests.access.off")
    logger.setLevel(logging.WARNING)
    asked: list[object] = []
    AccessLog("%s", to=logger, when=asked.append).write(record())
    assert asked == []


def test_a_logger_that_raises_is_reported_by_its_name(caplog):
    logger = access_logger("tests.access.broken")
    logger.addFilter(lambda entry: 1 / 0)
    AccessLog("%s", to=logger).write(record())
    assert "(logger tests.access.broken)" in caplog.text


def test_closing_leaves_a_logger_as_it_is(caplog):
    log = AccessLog("%s", to=access_logger())
    log.close()
    log.write(record())
    assert caplog.messages == ["200"]


# -- streams


def test_a_stream_needs_nothing_but_write():
    texts: list[str] = []

    class Bare:
        def write(self, text):
            texts.append(text)

    AccessLog("%s", to=Bare()).write(record())
    assert texts == ["200\n"]


def test_a_stream_is_flushed_after_each_line(tmp_path):
    with (tmp_path / "log").open("w") as stream:
        AccessLog("%s", to=stream).write(record())
        assert (tmp_path / "log").read_text() == "200\n"


def test_a_stream_that_flushes_each_line_by_itself_is_as_good_as_another(tmp_path):
    with (tmp_path / "log").open("w", buffering=1) as stream:
        AccessLog("%s", to=stream).write(record())
        assert (tmp_path / "log").read_text() == "200\n"
        stream.reconfigure(line_buffering=False)
        AccessLog("%s", to=stream).write(record(status=404))
        assert (tmp_path / "log").read_text() == "200\n404\n"


def test_closing_leaves_a_stream_to_its_owner():
    stream = io.StringIO()
    log = AccessLog("%s", to=stream)
    log.close()
    log.write(record())
    assert stream.getvalue() == "200\n"


def test_a_failing_stream_is_reported_and_never_raises(caplog, capfd):
    AccessLog("%s", to=Refusing()).write(record())
    assert [(entry.name, entry.levelname) for entry in caplog.records] == [("hookchain", "ERROR")]
    assert "(stream <full>) is lost" in caplog.text
    assert "No space left" in caplog.text
    assert capfd.readouterr().err == ""


def test_lines_of_many_threads_are_never_mixed():
    class Slow(io.StringIO):
        def write(self, text):
            return sum(super(Slow, self).write(part) for part in text.splitlines(keepends=True))

    stream = Slow()
    log = AccessLog("%m %U %m", to=stream)

    def write_many():
        for _ in range(50):
            log.write(record())

    threads = [threading.Thread(target=write_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stream.getvalue() == "GET /a b/index.html GET\n" * 200


@pytest.mark.parametrize("to", [io.BytesIO(), 7, object()])
def test_a_destination_that_takes_no_text_is_refused(to):
    with pytest.raises(DeclarationError, match="of an access log"):
        AccessLog(to=to)


# -- files


@pytest.fixture
def file_log(tmp_path):
    logs = []

    def make(text="%s", name="access.log", **options):
        logs.append(AccessLog(text, to=tmp_path / name, **options))
        return logs[-1]

    yield make
    for log in logs:
        log.close()


def test_a_file_is_appended_to_line_by_line(tmp_path, file_log):
    path = tmp_path / "access.log"
    path.write_text("before\n")
    log = file_log()
    log.write(record())
    assert path.read_text() == "before\n200\n"
    log.write(record(status=404))
    assert path.read_text() == "before\n200\n404\n"


def test_a_path_may_be_a_string(tmp_path):
    log = AccessLog("%s", to=str(tmp_path / "access.log"))
    log.write(record())
    log.close()
    assert (tmp_path / "access.log").read_text() == "200\n"


def test_a_file_is_utf8_whatever_the_locale_says(tmp_path, file_log):
    log = file_log("é\udcff %s")
    log.write(record())
    assert (tmp_path / "access.log").read_bytes() == "é\\udcff 200\n".encode()


def test_a_file_that_was_moved_away_is_made_anew(tmp_path, file_log):
    path = tmp_path / "access.log"
    log = file_log()
    log.write(record())
    path.rename(tmp_path / "access.log.1")
    log.write(record(status=404))
    assert (tmp_path / "access.log.1").read_text() == "200\n"
    assert path.read_text() == "404\n"


def test_a_file_that_cannot_be_made_anew_is_reported_and_found_again_later(tmp_path, file_log, caplog):
    folder = tmp_path / "logs"
    folder.mkdir()
    log = file_log(name="logs/access.log")
    moved = folder.rename(tmp_path / "moved")
    log.write(record())
    assert f"(file {folder / 'access.log'}) is lost" in caplog.text
    assert "FileNotFoundError" in caplog.text
    moved.rename(folder)
    log.write(record(status=404))
    assert (folder / "access.log").read_text() == "404\n"


def test_a_file_that_cannot_be_written_is_reported_and_never_raises(file_log, caplog, capfd, monkeypatch):
    log = file_log()
    log._sink._handler.stream.close()
    monkeypatch.setattr(log._sink._handler, "_is_there", lambda: True)
    monkeypatch.setattr(log._sink._handler, "stream", Full())
    log.write(record())
    assert "access.log) is lost" in caplog.text
    assert capfd.readouterr().err == ""


def test_what_a_file_does_not_take_at_once_follows(file_log, monkeypatch):
    log, full = file_log("%s %m"), Full(size=8)
    log._sink._handler.stream.close()
    monkeypatch.setattr(log._sink._handler, "_is_there", lambda: True)
    monkeypatch.setattr(log._sink._handler, "stream", full)
    log.write(record())
    assert full.data == b"200 GET\n"


def test_a_file_is_closed_with_the_log_that_nobody_holds_any_more(tmp_path):
    log: Any = AccessLog("%s", to=tmp_path / "access.log")
    stream = log._sink._handler.stream
    del log
    gc.collect()
    assert stream.closed


def test_a_closed_file_is_opened_again_by_the_next_line(tmp_path, file_log):
    log = file_log()
    log.close()
    log.write(record())
    assert (tmp_path / "access.log").read_text() == "200\n"


@pytest.mark.parametrize("name", ["missing/access.log", "", "a\0b"])
def test_a_file_that_cannot_be_opened_is_refused_at_once(tmp_path, name):
    with pytest.raises(DeclarationError, match="cannot be opened") as caught:
        AccessLog(to=f"{tmp_path}/{name}")
    assert repr(f"{tmp_path}/{name}") in str(caught.value)


def test_its_repr_tells_format_and_destination(tmp_path, file_log):
    assert repr(AccessLog()) == "<AccessLog 'combined' to logger hookchain.access>"
    assert repr(file_log()) == f"<AccessLog '%s' to file {tmp_path / 'access.log'}>"
    assert repr(AccessLog("%s", to=Refusing())) == "<AccessLog '%s' to stream <full>>"


# -- JSON


@pytest.fixture
def kolkata(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_json_is_one_object_with_the_documented_keys(kolkata):
    text = written(format="json", req=record(decided_by="site.by_token", headers=Headers({"Referer": "/é"})))
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    assert list(json.loads(text).items()) == [
        ("time", "2026-11-23T01:58:38.123+05:30"),
        ("remote_addr", "192.0.2.7"),
        ("user", "ann"),
        ("method", "GET"),
        ("uri", "/a b/index.html"),
        ("query", "x=1"),
        ("protocol", "HTTP/1.1"),
        ("status", 200),
        ("bytes_sent", 5),
        ("duration", 1.234567),
        ("referer", "/é"),
        ("user_agent", None),
        ("host", None),
        ("decided_by", "site.by_token"),
        ("aborted", False),
    ]


def test_json_has_what_was_asked_from_the_first_record_and_the_outcome_from_the_last():
    first, last = redirected()
    last.decided_by = "last"
    for entry in (first, last):
        found = json.loads(written(format="json", req=entry))
        assert [found[key] for key in ("uri", "method", "status", "user", "decided_by")] == [
            "/old",
            "GET",
            200,
            "bob",
            "last",
        ]


def test_json_fields_replace_and_follow_those_that_are_always_there():
    fields = {"user": "<%u>", "agent": "%{User-Agent}i", "note": "%{none}n", "both": '%m "%U"'}
    found = json.loads(written(format="json", fields=fields, req=record(user='a"\n')))
    assert found["user"] == '<a"\n>'
    assert list(found)[2] == "user"
    assert list(found.items())[-3:] == [("agent", "curl/8"), ("note", None), ("both", 'GET "/a b/index.html"')]


def test_the_duration_of_a_json_line_has_microseconds():
    assert json.loads(written(format="json", req=record(duration=1.23456789)))["duration"] == 1.234568


def test_fields_go_with_json_alone():
    with pytest.raises(DeclarationError, match="fields go with the format 'json' alone"):
        AccessLog("combined", fields={"user": "%u"})


def test_a_wrong_field_is_refused_at_once():
    with pytest.raises(DeclarationError, match="needs a name"):
        AccessLog("json", fields={"agent": "%i"})


def test_a_json_field_that_cannot_be_read_is_null_and_logged(caplog):
    class Broken:
        def __str__(self):
            raise RuntimeError("gone")

    found = json.loads(written(format="json", req=record(user=Broken())))
    assert (found["user"], found["status"]) == (None, 200)
    assert [entry.getMessage() for entry in caplog.records] == [
        "the field 'user' of an access log failed; null stands in its place"
    ]


@given(requests, st.sampled_from(["%u", "%{X-A}i", "%q", "%r %{a}C"]))
def test_a_json_line_is_valid_whatever_the_request_holds(req, field):
    text = written(format="json", fields={"own": field}, req=req)
    assert re.fullmatch(r"[ -~]*\n", text)
    found = json.loads(text)
    found["uri"].encode()
    assert found["method"] == req.method.encode("utf-8", "replace").decode() or not req.method.isascii()
    assert set(found) >= {"time", "own"}


def test_the_time_of_a_json_line_has_the_milliseconds_of_the_request():
    times = [json.loads(written(format="json", req=record(start_time=START + more)))["time"] for more in (0, 0.5)]
    assert [text[17:23] for text in times] == ["38.123", "38.623"]
