"""`variate serve`: an HTTP API for models."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro
from annotated_types import Interval

from variate.cli.output import say
from variate.errors import InputError
from variate.limits import Checked, Timeout

if TYPE_CHECKING:
    from variate.serve.models import ServedModels

TOKEN = "VARIATE_TOKEN"
"""The variable of the environment that may hold the token, where other users of the machine cannot read it."""


@dataclass(frozen=True)
class Serve(Checked):
    """Serve models over HTTP: /embed /reconstruct /score /impute /sample, with documentation at /docs.

    Only this machine is answered, and only with the token that is printed, unless --host and --token say otherwise.
    Ctrl-C or SIGTERM end it once what it has begun is answered. Needs the extra: pip install 'variate[serve]'.
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
    """Run directories or model files. Requests name one as in ?model=NAME, by the name of its directory; NAME=RUN gives
    another one."""
    port: Annotated[int, Interval(ge=0, le=65_535)] = 8000
    """Port to listen at; 0 takes any that is free."""
    host: str = "127.0.0.1"
    """Address to listen at. 0.0.0.0, which other machines reach, needs a token of yours."""
    token: str | None = None
    """What a request has to know, at least 16 signs; by default $VARIATE_TOKEN, else a new random one."""
    allow_host: tuple[str, ...] = ()
    """Further names that the server is called by, such as that of a proxy before it."""
    max_body: Annotated[int, Interval(ge=1, le=4096)] = 64
    """MiB of a request's body; a quarter of it for JSON."""
    max_rows: Annotated[int, Interval(ge=1, le=100_000_000)] = 100_000
    """Rows per request."""
    timeout: Timeout = 60.0
    """Seconds that a request may take."""
    max_waiting: Annotated[int, Interval(ge=1, le=100_000)] = 256
    """Requests at the same time; others are told to try again."""

    def __call__(self) -> None:
        """Serves until it is ended."""
        require_packages()
        from variate.serve.access import access_of
        from variate.serve.application import application
        from variate.serve.limits import ServeLimits
        from variate.serve.models import ServedModels, served_runs
        from variate.serve.server import bound_socket, serve

        if not self.runs:
            raise InputError("runs", "at least one run to serve", "none", "name a run directory")
        token, is_new = self._known_token()
        limits = ServeLimits(self.max_body, self.max_rows, self.timeout, self.max_waiting)
        models = ServedModels(served_runs(self.runs, limits))
        at = bound_socket(self.host, self.port)
        app = application(models, access_of(token, self.host, self.allow_host), limits)
        has_ended = serve(app, models, limits, at, lambda _: self._tell(models, at.getsockname()[1], token, is_new))
        say("stopped")
        if not has_ended:
            os._exit(0)  # Python would end the thread in the middle of torch's work, which ends in a crash

    def _known_token(self) -> tuple[str, bool]:
        """The token, and whether it is a new one.

        Raises:
            InputError: If it is too short, or is needed and not given.
        """
        from variate.serve.access import TOKEN_WORDS, is_loopback, is_token

        token = self.token if self.token is not None else os.environ.get(TOKEN)
        if token is None and not is_loopback(self.host):
            got, remedy = f"none, at {self.host}, which others can reach", f"choose one, or set {TOKEN}"
            raise InputError("token", "a token of yours", got, remedy)
        if token is not None and not is_token(token):
            raise InputError("token", TOKEN_WORDS, f"another text, of {len(token):,} characters", "choose a longer one")
        return token or new_token(), token is None

    def _tell(self, models: "ServedModels", port: int, token: str, is_new: bool) -> None:
        """Says where the models are, and how they are asked."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        address = f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"
        say(f"serving {', '.join(models.models)} at {address}")
        if is_new:
            say(f"token: {token}")
        say(f"documentation: {address}/docs{f'?token={token}' if is_new else '?token=TOKEN'}")


def new_token() -> str:
    """A random token."""
    import secrets

    return secrets.token_urlsafe(24)


def require_packages() -> None:
    """Refuses to serve without the packages for it.

    Raises:
        InputError: If one is missing.
    """
    from importlib.util import find_spec

    absent = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if absent:
        got, remedy = f"none of {' and '.join(absent)}", "run `pip install 'variate[serve]'`"
        raise InputError("serve", "the packages of the extra `serve`", got, remedy)
