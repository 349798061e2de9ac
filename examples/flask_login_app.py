"""A Flask app guarded by a chain that asks Flask-Login who the user is.

Needs ``pip install 'hookchain[flask]' flask-login``. From this folder: ``flask --app flask_login_app run``. Log in as
ann (password "heron") or bob ("gull"). ``flask --app flask_login_app hookchain explain /admin/users`` shows what guards
a path.
"""

# pyright: basic
# Flask-Login says nothing about its types.

from __future__ import annotations

import os
import secrets

from flask import Blueprint, Flask, redirect, render_template_string, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from werkzeug.security import check_password_hash, generate_password_hash

from flask_hookchain import FlaskHookChain
from hookchain import DECLINED, OK, HookChain, Request, Result

FORM = """<form method="post">
{% if failed %}<p>That was not right.</p>{% endif %}
<label>Name <input name="name" autofocus></label>
<label>Password <input name="password" type="password"></label>
<button>Log in</button>
</form>"""


class User(UserMixin):
    """Somebody with a password and roles."""

    def __init__(self, name: str, password: str, *roles: str) -> None:
        """Keep a hash of the password."""
        self.id = name
        self.password = generate_password_hash(password)
        self.roles = roles

    def __str__(self) -> str:
        """Return the name, which the access log and REMOTE_USER show."""
        return self.id


USERS = {user.id: user for user in (User("ann", "heron", "admin"), User("bob", "gull"))}
NOBODY = User("", secrets.token_hex())

# --- the policy: all is closed but what is named here

hooks = HookChain("login", closed=True)
hooks.section("/", exact=True, public=True)
hooks.section(endpoint="log_in", public=True)


@hooks.authen("/members")
@hooks.authen("/admin")
def by_session(req: Request) -> Result:
    """Take the user whom Flask-Login finds in the session."""
    if not current_user.is_authenticated:
        return DECLINED
    req.user, req.auth_type = USERS[current_user.id], "Session"
    return OK


@hooks.section(endpoint="admin.*").authz
def admins_only(req: Request) -> Result | int:
    """Let nobody in but those who run the place."""
    return OK if "admin" in req.user.roles else 403


# --- the app, which checks nothing

admin = Blueprint("admin", __name__, url_prefix="/admin")
login_manager = LoginManager()


@login_manager.user_loader
def load_user(name: str) -> User | None:
    """Find the user whose name is in the session."""
    return USERS.get(name)


@admin.get("/users")
def users() -> str:
    """List all users."""
    return "\n".join(USERS)


def index() -> str:
    """Greet everybody."""
    return "welcome"


def members() -> str:
    """Greet those who have logged in."""
    return f"hello {current_user.id}"


def log_in() -> ResponseReturnValue:
    """Ask for name and password."""
    if request.method == "GET":
        return render_template_string(FORM)
    user = USERS.get(request.form["name"], NOBODY)
    if check_password_hash(user.password, request.form["password"]) and user is not NOBODY:
        login_user(user)
        return redirect(url_for("members"))
    return render_template_string(FORM, failed=True), 403


def log_out() -> ResponseReturnValue:
    """Forget who it is."""
    logout_user()
    return redirect(url_for("index"))


def to_login(_error: Exception) -> ResponseReturnValue:
    """Answer the chain's 401 as a browser wants it."""
    return redirect(url_for("log_in"))


def create_app() -> Flask:
    """Put app and chain together."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_hex(),
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.add_url_rule("/", view_func=index)
    app.add_url_rule("/members", view_func=members)
    app.add_url_rule("/members/log-out", view_func=log_out, methods=["POST"])
    app.add_url_rule("/log-in", view_func=log_in, methods=["GET", "POST"])
    app.register_error_handler(401, to_login)
    app.register_blueprint(admin)
    login_manager.init_app(app)
    FlaskHookChain(app, hooks)
    return app
