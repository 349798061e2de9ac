"""req.user and request.user are one."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command
from django.db import connection, connections
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from django_hookchain import session_user
from hookchain import DECLINED, OK, HandlerError, InternalRedirect, Order
from tests.adapters.django.places import OURS, project
from tests.asking import quiet

SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
BEFORE = (SESSION, AUTHENTICATION)
REMOTE = {"AUTHENTICATION_BACKENDS": ["django.contrib.auth.backends.RemoteUserBackend"]}


@pytest.fixture(scope="module", autouse=True)
def database():
    call_command("migrate", verbosity=0)
    user, _ = get_user_model().objects.get_or_create(username="ann")
    user.set_password("secret")
    user.save()
    yield
    connection.close()


@pytest.fixture(params=["sync", "async"])
def get(request):
    """Ask with Django's test clients; the client has logged in where the test says so."""

    def by_client(path="/who", *, login=False):
        client = Client()
        if login:
            assert client.login(username="ann", password="secret")
        return client.get(path)

    def by_async_client(path="/async-who", *, login=False):
        async def run():
            client = AsyncClient()
            if login:
                assert await client.alogin(username="ann", password="secret")
            return await client.get("/async-who" if path == "/who" else path)

        async def close():
            await sync_to_async(connections.close_all)()

        async def both():
            try:
                return await run()
            finally:
                await close()

        return asyncio.run(both())

    return by_client if request.param == "sync" else by_async_client


def ann():
    return get_user_model()(username="ann", pk=1)


@pytest.mark.parametrize("where", ["behind", "before"])
def test_a_user_that_authen_sets_is_djangos_wherever_authentication_middleware_stands(get, where):
    hooks = quiet()

    @hooks.authen
    def known(req):
        req.user = ann()
        return OK

    with project(hooks, **{where: BEFORE}):
        assert get().content == b"ann True"
        assert get(login=True).content == b"ann True"


def test_nobody_is_none_for_handlers_and_djangos_anonymous_user_for_views(get):
    hooks = quiet(authentication="optional")
    seen = []

    @hooks.authen
    def nobody(req):
        seen.append(req.user)
        req.user = None
        return DECLINED

    with project(hooks, before=BEFORE):
        assert get().content == b"AnonymousUser False"
    with project(hooks, behind=BEFORE):
        assert get().content == b"AnonymousUser False"
    assert seen == [None, None]


def test_an_anonymous_user_of_djangos_does_not_pass_authen(get):
    hooks = quiet()

    @hooks.authen
    def anonymous(req):
        req.user = AnonymousUser()
        return OK

    with project(hooks, before=BEFORE), pytest.raises(HandlerError, match="answered OK without setting"):
        get()


def test_whoever_has_logged_in_with_django_is_req_user_behind_authentication_middleware(get):
    hooks = quiet()
    seen = []

    @hooks.authz
    def anybody(req):
        seen.append(str(req.user))
        return OK

    with project(hooks, before=BEFORE):
        assert get().status_code == 401
        assert get(login=True).content == b"ann True"
    assert seen == ["ann"]


def test_session_user_lets_in_whoever_has_logged_in(get):
    hooks = quiet()
    hooks.authen(session_user)
    seen = []
    hooks.log(lambda req: seen.append((str(req.user), req.auth_type)))
    with project(hooks, before=BEFORE):
        assert get().status_code == 401
        assert get(login=True).content == b"ann True"
    assert seen == [("None", None), ("ann", "session")]


def test_session_user_sees_the_login_behind_a_handler_that_found_nobody(get):
    hooks = quiet()

    @hooks.authen(order=Order.FIRST)
    def by_token(req):
        req.user = None
        return DECLINED

    hooks.authen(session_user)
    with project(hooks, before=BEFORE):
        assert get(login=True).content == b"ann True"


def test_session_user_without_a_session_says_where_the_middleware_belongs(get, error_log):
    hooks = quiet()
    hooks.authen(session_user)
    with project(hooks), pytest.raises(Exception, match="directly behind AuthenticationMiddleware"):
        get()
    assert "directly behind AuthenticationMiddleware" in error_log()


def test_nobody_asks_the_database_for_a_user_that_nobody_wants_to_know(tmp_path):
    hooks = quiet()
    hooks.configure({"access_log": "combined"})
    client = Client()
    client.login(username="ann", password="secret")
    with project(hooks, before=BEFORE), CaptureQueriesContext(connection) as queries:
        client.get("/")
    assert [query["sql"] for query in queries.captured_queries] == []


def test_the_log_knows_the_user_that_the_view_asked_for(get):
    hooks = quiet()
    seen = []
    hooks.log(lambda req: seen.append(str(req.user)))
    with project(hooks, before=BEFORE):
        get("/who", login=True)
    assert len(seen) == 1
    assert seen[0] in {"ann", "None"}  # on the loop, the view asks without telling request.user


def named(name):
    """An AUTHEN handler that finds out no more than a name."""

    def found(req):
        req.user = name
        return OK

    return found


def test_a_name_becomes_djangos_user_through_the_remote_user_backend(get):
    hooks = quiet()
    seen = []

    hooks.authen(named("bob"))

    @hooks.authz
    def note(req):
        seen.append(type(req.user).__name__)
        return OK

    with project(hooks, behind=BEFORE, **REMOTE):
        assert get().content == b"bob True"
    assert seen == ["User"]


def test_a_name_that_django_does_not_know_is_refused(get):
    hooks = quiet(challenge="Basic")

    hooks.authen(named("carol"))
    backend = {"AUTHENTICATION_BACKENDS": ["tests.adapters.django.project.backends.KnownUsers"]}
    with project(hooks, **backend):
        assert get().status_code == 401


def test_a_name_stays_one_where_no_such_backend_is_configured(get):
    hooks = quiet()
    seen = []

    hooks.authen(named("bob"))
    hooks.log(lambda req: seen.append(req.user))
    with project(hooks, behind=BEFORE):
        assert get().content == b"AnonymousUser False"
    assert seen == ["bob"]


def test_remote_user_is_what_authen_found_and_not_what_came_in():
    hooks = quiet(authentication="optional")

    @hooks.authen("/echo")
    def by_name(req):
        req.user = "bob" if "X-Bob" in req.headers else None
        return OK if req.user else DECLINED

    with project(hooks):
        assert Client().get("/echo/", REMOTE_USER="mallory").content.splitlines()[4:] == []
        answer = Client().get("/echo/", REMOTE_USER="mallory", HTTP_X_BOB="1")
        assert answer.content.splitlines()[4:] == [b"bob"]
        assert Client().get("/", REMOTE_USER="from the server").content.splitlines()[4:] == [b"from the server"]


def test_the_user_of_another_record_is_not_taken_over_by_an_internal_redirect(get):
    hooks = quiet()

    @hooks.authen("/echo")
    def by_name(req):
        req.user = ann()
        return OK

    hooks.register("content", lambda req: InternalRedirect("/async-who"), "/echo")
    hooks.register("authz", lambda req: OK, "/async-who")
    with project(hooks, before=BEFORE):
        assert get("/echo/x").status_code == 401


def test_the_user_is_kept_for_an_error_document_and_an_internal_redirect_inside_a_section(get):
    hooks = quiet()
    seen = []

    @hooks.authen
    def by_name(req):
        req.user = ann()
        return OK

    @hooks.error_document(404)
    def page(req):
        seen.append(str(req.user))
        return "nothing"

    hooks.register("content", lambda req: InternalRedirect("/nowhere"), "/from")
    hooks.register("content", lambda req: 404, "/nowhere")
    with project(hooks, before=BEFORE):
        assert get("/from").content == b"nothing"
    assert seen == ["ann"]


def test_the_chain_works_without_djangos_users(get):
    hooks = quiet(authentication="optional")
    seen = []

    @hooks.authen
    def by_name(req):
        req.user = "bob"
        req.user = None
        seen.append(req.user)
        req.user = "bob"
        return OK

    from django.test import modify_settings

    with project(hooks), modify_settings(INSTALLED_APPS={"remove": "django.contrib.auth"}):
        assert get("/").status_code == 200
    assert seen == [None]
    assert OURS == "django_hookchain.HookChainMiddleware"
