"""Flask's contexts around handlers: what is there when, what handlers and views share, and what is closed when."""

from __future__ import annotations

import contextvars
import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import (
    Blueprint,
    Flask,
    current_app,
    g,
    has_app_context,
    has_request_context,
    request,
    session,
    stream_with_context,
    url_for,
)

from hookchain import DECLINED, OK, InternalRedirect, Phase, Response, current_request
from hookchain.testing import make_request
from tests.adapters.flask.flask_sites import bare_app, make_site

WITH_CONTEXTS = ["header_parser", "access", "authen", "authz", "type", "fixup", "content"]
WITHOUT = ["post_read_request", "trans", "map_to_storage", "log", "cleanup"]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("phase", [phase.value for phase in Phase])
def test_handlers_from_header_parser_to_content_have_the_contexts_and_no_others(phase, is_async):
    site, seen = make_site(), []

    def look(req):
        req.user = "ann"
        seen.append((has_app_context(), has_request_context()))
        return OK if phase in {"authen", "authz"} else None

    async def look_async(req):
        return look(req)

    site.hooks.authen(look)
    seen.clear()
    site.hooks.register(phase, look_async if is_async else look, name="look", allow_duplicate=True)
    assert site.get().status == 200
    expected = phase in WITH_CONTEXTS
    assert (expected, expected) in seen


def test_the_phases_are_those_that_the_design_names():
    assert {*WITH_CONTEXTS, *WITHOUT} == {phase.value for phase in Phase}


def test_handlers_and_views_share_g_session_and_request():
    site = make_site()

    @site.hooks.header_parser
    def begin(req):
        g.seen = [current_app.name]
        session["visits"] = session.get("visits", 0) + 1
        request.mark = "handler"

    @site.hooks.fixup
    async def go_on(req):
        g.seen.append(f"{session['visits']}")

    @site.app.get("/seen")
    def view():
        return ",".join([*g.seen, request.mark])

    client = site.app.test_client()
    assert client.get("/seen").text == "site,1,handler"
    assert client.get("/seen").text == "site,2,handler"


def test_what_a_content_handler_writes_into_the_session_is_saved():
    site = make_site()

    @site.hooks.content("/count")
    def count(req):
        session["n"] = session.get("n", 0) + 1
        return str(session["n"])

    client = site.app.test_client()
    assert [client.get("/count").text for _ in range(3)] == ["1", "2", "3"]


def test_what_a_refusing_handler_writes_into_the_session_is_saved():
    site = make_site()

    @site.hooks.access("/no")
    def refuse(req):
        session["tries"] = session.get("tries", 0) + 1
        return 403

    @site.app.get("/tries")
    def tries():
        return str(session["tries"])

    client = site.app.test_client()
    assert [client.get("/no").status_code for _ in range(2)] == [403, 403]
    assert client.get("/tries").text == "2"


def test_the_record_has_flasks_request_endpoint_and_view_arguments():
    site, seen = make_site(), []
    site.hooks.trans(lambda req: seen.append((req.native, req.endpoint)))

    @site.hooks.header_parser
    def look(req):
        seen.append((req.native is request._get_current_object(), req.endpoint, dict(req.path_params)))

    @site.app.get("/users/<int:number>/<name>")
    def user(number, name):
        return f"{current_request().endpoint} {current_request().path_params}"

    assert site.get("/users/7/ann").text == "user {'number': 7, 'name': 'ann'}"
    assert seen == [(None, None), (True, "user", {"number": 7, "name": "ann"})]


def test_the_view_is_told_the_user_and_what_came_in_does_not_count():
    site = make_site()

    @site.hooks.authen("/who")
    def by_name(req):
        req.user, req.auth_type = req.args.get("user"), "Query"
        return OK if req.user else 401

    site.hooks.section("/who/open", authentication="optional").authen(lambda req: DECLINED)

    @site.app.get("/who")
    @site.app.get("/free")
    def who():
        return f"{request.remote_user} {request.authorization} {request.environ.get('AUTH_TYPE')}"

    @site.app.get("/who/open")
    def perhaps():
        return str(request.remote_user)

    forged = {"environ_overrides": {"REMOTE_USER": "mallory"}}
    assert site.get("/who?user=ann", **forged).text == "ann None Query"
    assert site.get("/who", **forged).status == 401
    assert site.get("/free").text == "None None None"


def test_a_user_that_came_in_is_removed_where_authen_found_none():
    site = make_site()
    site.hooks.section(authentication="optional").authen(lambda req: DECLINED)

    @site.app.get("/who")
    def who():
        return str(request.remote_user)

    assert site.get("/who", environ_overrides={"REMOTE_USER": "mallory"}).text == "None"


def test_a_path_that_trans_rewrites_is_routed_and_guarded_as_rewritten():
    site, seen = make_site(), []

    @site.hooks.trans
    def rewrite(req):
        if req.path == "/old":
            req.path = "/new"

    site.hooks.section(endpoint="new").register("access", lambda req: seen.append(req.path), name="look")

    @site.app.get("/new")
    def new():
        return request.path

    assert site.get("/old").text == "/new"
    assert seen == ["/new"]


def test_every_spelling_of_a_path_is_routed_as_the_sections_saw_it():
    site = make_site()
    site.hooks.access("/admin")(lambda req: 403)

    @site.app.get("/<path:rest>")
    def anything(rest):
        return rest

    assert site.get("/x//../open/%2e/y").text == "open/y"
    for spelling in ("/admin/x", "/x//../admin", "/x/../admin", "/%61dmin", "/x%2f..%2fadmin/"):
        assert site.get(spelling).status == 403, spelling


def test_an_internal_redirect_is_routed_anew_with_the_same_session_and_g():
    site, torn_down = make_site(), []

    @site.hooks.content("/from", exact=True)
    def go(req):
        g.came_from, session["seen"] = request.path, "handler"
        return InternalRedirect("/to/9?x=1")

    @site.hooks.header_parser
    def look(req):
        assert req.native is request._get_current_object()

    @site.app.get("/to/<int:number>")
    def to(number):
        return f"{g.came_from} {session['seen']} {request.path} {request.args['x']} {number} {url_for('index')}"

    site.app.teardown_request(torn_down.append)
    assert site.get("/from").text == "/from handler /to/9 1 9 /"
    assert torn_down == [None]


def test_a_subrequest_is_judged_by_its_own_route_and_leaves_the_requests_alone():
    site = make_site()
    site.hooks.section(endpoint="closed").register("access", lambda req: 403, name="no")

    @site.app.get("/closed")
    def closed():
        return "never"

    @site.app.get("/part/<name>")
    def part(name):
        return f"part {name} {request.path}"

    @site.app.get("/whole")
    def whole():
        req = current_request()
        refused, allowed = req.lookup("/closed"), req.lookup("/part/a")
        included = allowed.run().get_data(as_text=True)
        return f"{refused.status} {allowed.status} {allowed.endpoint} {included} {request.path}"

    assert site.get("/whole").text == "403 200 part part a /part/a /whole"


def test_async_views_find_everything():
    site = make_site()
    site.hooks.header_parser(lambda req: setattr(g, "mark", req.path))

    @site.app.get("/async")
    async def view():
        return f"{g.mark} {current_request().endpoint} {request.path}"

    assert site.get("/async").text == "/async view /async"


def test_a_streamed_body_has_the_contexts_where_the_view_asked_for_them():
    site, seen = make_site(), []
    site.hooks.log(lambda req: seen.append("log"))
    site.app.teardown_request(lambda error: seen.append("teardown"))

    @site.app.get("/stream")
    def stream():
        def chunks():
            yield request.path
            seen.append("chunk")
            yield current_request().path

        return stream_with_context(chunks())

    assert site.get("/stream").text == "/stream/stream"
    assert seen[0] == "teardown" or seen[-1] == "log"
    assert seen.index("chunk") < seen.index("log")
    assert site.finished[0].bytes_sent == len("/stream/stream")


def test_log_and_second_halves_run_after_the_last_byte_and_after_flasks_teardown():
    site, seen = make_site(), []

    def note(what):
        seen.append((what, has_request_context()))

    @site.hooks.header_parser
    def pair(req):
        yield None
        note("second half")

    site.hooks.log(lambda req: note("log"))
    site.hooks.cleanup(lambda req: note("cleanup"))
    site.app.teardown_request(lambda error: note("teardown"))
    site.app.teardown_appcontext(lambda error: note("app teardown"))

    @site.app.get("/stream")
    def stream():
        def chunks():
            yield "a"
            note("last chunk")

        response = Response(chunks())
        response.call_on_close(lambda: note("closed"))
        return response

    site.get("/stream")
    assert seen == [
        ("teardown", True),
        ("app teardown", False),
        ("last chunk", False),
        ("closed", False),
        ("log", False),
        ("second half", False),
        ("cleanup", False),
    ]


def test_output_filters_still_have_the_contexts():
    site = make_site()

    @site.hooks.output_filter
    def mark(req, response):
        response.headers["X-Where"] = f"{current_app.name} {request.path}"

    assert site.get().headers["X-Where"] == "site /"


@pytest.mark.parametrize("reader", ["get_data", "flask", "flask and get_data", "none"])
def test_a_body_that_a_handler_read_is_there_for_the_view(reader):
    site = make_site()

    @site.hooks.access
    def read(req):
        if "flask" in reader:
            assert request.form["name"] == "ann"
        if "get_data" in reader:
            assert req.get_data() == b"name=ann"

    @site.app.post("/form")
    def form():
        return f"{request.form['name']} {current_request().bytes_received}"

    assert site.get("/form", "POST", data={"name": "ann"}).text.startswith("ann ")


def test_a_handler_reads_the_raw_body_by_way_of_flask_and_the_view_by_its_own():
    site = make_site()
    site.hooks.access(lambda req: setattr(g, "length", len(request.get_data())))

    @site.app.post("/upload")
    def upload():
        return f"{g.length} {len(request.data)} {request.content_length}"

    assert site.get("/upload", "POST", data=b"x" * 100_000).text == "100000 100000 100000"


def test_files_of_a_form_that_a_handler_read_reach_the_view():
    site = make_site()
    site.hooks.access(lambda req: setattr(g, "names", list(request.files)))

    @site.app.post("/upload")
    def upload():
        return f"{g.names} {request.files['file'].read().decode()}"

    data = {"file": (io.BytesIO(b"content"), "a.txt")}
    assert site.get("/upload", "POST", data=data).text == "['file'] content"


def test_more_body_than_the_chain_allows_is_413_for_handlers_and_views():
    site = make_site(hooks=None)
    site.hooks.configure({"max_body": 10})

    @site.app.post("/form")
    def form():
        return request.get_data()

    @site.app.errorhandler(413)
    def too_large(error):
        return "flask says too large", 413

    assert site.get("/form", "POST", data=b"1234567890").status == 200
    answer = site.get("/form", "POST", data=b"12345678901")
    assert (answer.status, answer.text) == (413, "flask says too large")


def test_input_filters_are_what_views_read_through():
    site = make_site()

    @site.hooks.input_filter
    def upper(req, stream):
        return io.BytesIO(stream.read().upper())

    @site.app.post("/echo")
    def echo():
        return request.get_data()

    assert site.get("/echo", "POST", data=b"abc").text == "ABC"


def test_a_test_client_that_keeps_contexts_lets_session_and_g_be_inspected():
    site = make_site()
    site.hooks.header_parser(lambda req: session.update(user="ann") or setattr(g, "mark", 1))
    with site.app.test_client() as client:
        client.get("/")
        assert (session["user"], g.mark, request.path, current_app.name) == ("ann", 1, "/", "site")
        client.get("/nowhere")
        assert request.path == "/nowhere"
    assert not has_app_context()


def test_a_test_client_that_keeps_contexts_has_those_of_a_refusal_too():
    site = make_site()
    site.hooks.header_parser(lambda req: setattr(g, "mark", 1))
    site.hooks.access(lambda req: 403)
    with site.app.test_client() as client:
        assert client.get("/").status_code == 403
        assert (g.mark, request.path) == (1, "/")
    assert not has_request_context()


@pytest.mark.parametrize("place", ["extension", "hooks.wsgi"])
def test_a_streamed_response_can_be_read_under_a_test_client_that_keeps_contexts(place):
    if place == "extension":
        site = make_site()
        app, hooks = site.app, site.hooks
    else:
        app, hooks = bare_app(), make_site().hooks
        app.wsgi_app = hooks.wsgi(app.wsgi_app)
    logged = []
    if place == "extension":
        hooks.log(lambda req: logged.append(req.status))

    @app.get("/stream")
    def stream():
        return stream_with_context(request.path for _ in range(3))

    with app.test_client() as client:
        response = client.get("/stream")
        assert logged == []
        assert response.text == "/stream" * 3
        assert logged == ([200] if place == "extension" else [])
        assert request.path == "/stream"
    assert not has_request_context()


def test_a_test_client_that_keeps_contexts_shares_its_context_with_handlers():
    site, mark = make_site(), contextvars.ContextVar("mark", default="unset")
    site.hooks.header_parser(lambda req: mark.set("set") and None)
    with site.app.test_client() as client:
        client.get("/")
        assert mark.get() == "set"


def test_no_request_sees_what_handlers_of_another_have_set():
    site, mark, seen = make_site(), contextvars.ContextVar("mark", default="unset"), []

    @site.hooks.header_parser
    def set_it(req):
        seen.append(mark.get())
        mark.set("set")

    site.get()
    site.get()
    assert seen == ["unset", "unset"]


def test_blueprints_are_guarded_by_the_names_of_their_endpoints():
    site = make_site()
    admin = Blueprint("admin", __name__, url_prefix="/deep/admin")

    @admin.get("/users")
    def users():
        return "users"

    site.app.register_blueprint(admin)
    site.hooks.section(endpoint="admin.*").register("access", lambda req: 403, name="no")
    assert site.get("/deep/admin/users").status == 403
    assert site.get("/").status == 200
    assert site.get("/deep/admin/nothing").status == 404


def test_static_files_are_guarded_like_any_path(tmp_path):
    (tmp_path / "secret.css").write_text("secret")
    (tmp_path / "open.css").write_text("open")
    app = Flask("static", static_folder=str(tmp_path), static_url_path="/assets")
    site = make_site(app)
    site.hooks.access("/assets/secret.css")(lambda req: 403)
    assert site.get("/assets/secret.css").status == 403
    assert site.get("/assets/x/../secret.css").status == 403
    assert site.get("/assets/open.css").text == "open"


def test_static_files_can_be_guarded_by_their_endpoint(tmp_path):
    (tmp_path / "a.css").write_text("a")
    site = make_site(Flask("static", static_folder=str(tmp_path), static_url_path="/static"))
    site.hooks.section(endpoint="static").register("access", lambda req: 403, name="no")
    assert site.get("/static/a.css").status == 403


def test_a_record_of_another_place_is_none_of_flasks_business():
    site = make_site()
    req = make_request("/")
    site.hooks.handle(req).close()
    assert req.framework is None


def test_requests_of_many_threads_share_nothing():
    site = make_site()

    @site.hooks.header_parser
    async def remember(req):
        g.name = session["name"] = req.args["name"]

    @site.app.get("/who")
    def who():
        return f"{g.name} {session['name']} {current_request().args['name']} {request.args['name']}"

    def ask(number):
        return site.app.test_client().get(f"/who?name={number}").text

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(400)))
    assert answers == [" ".join([str(number)] * 4) for number in range(400)]
    assert len(site.finished) == 400


def test_nothing_that_flask_answers_goes_past_the_chain():
    site, seen = make_site(), []
    site.hooks.fixup(lambda req: seen.append(req.framework.sends(req, object())))
    assert site.get("/").status == 200
    assert seen == [False]
