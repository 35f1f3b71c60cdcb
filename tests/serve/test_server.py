"""The server as a process: it starts, says where it is, and ends when it is asked to, with what it has begun."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from small_runs import in_a_process
from small_servers import NPY, npy
from variate.errors import InputError
from variate.serve.server import bound_socket

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


class Process:
    """`variate serve` in a process of its own."""

    def __init__(self, *arguments, **variables):
        given = in_a_process("serve", *arguments, "--port", 0)
        given["env"] |= {"PYTHONUNBUFFERED": "1", **variables}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # What runs the tests may ignore Ctrl-C, as `nohup` does, and its children would too.
        heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
        self.process = subprocess.Popen(**given, **pipes, **heard)
        self.lines = []
        while not self.lines or not self.lines[-1].startswith("documentation"):
            self.lines.append(self.process.stdout.readline())
            assert self.lines[-1], self.process.communicate()
        said = "".join(self.lines)
        self.port = int(re.search(r"127\.0\.0\.1:(\d+)", said)[1])
        found = re.search(r"token: (\S+)", said)
        self.token = found[1] if found else None

    def ask(self, method, route, body=None, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": NPY, "Accept": "application/json"}
        connection.request(method, route, body, headers)
        found = connection.getresponse()
        answer = found.status, json.loads(found.read())
        connection.close()
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def ended(self):
        """Exit code, what was printed since, and on standard error."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_once_what_it_has_begun_is_answered(digits_run, images, number):
    with Process(digits_run.path) as served:
        end_by(served, number, images)


def end_by(served, number, images):
    """Sends a signal while a request is answered."""
    assert served.ask("GET", "/health")[0] == 200
    assert served.ask("GET", "/health", token="x" * 20)[0] == 401
    found = []
    holes = images.astype(float)
    holes[:, :, 2:6, 2:6] = float("nan")  # which takes a while to fill
    asking = threading.Thread(target=lambda: found.append(served.ask("POST", "/impute?num_samples=1000", npy(holes))))
    asking.start()
    while served.ask("GET", "/health")[1]["requests"] == 0:
        assert asking.is_alive(), found
        time.sleep(0.01)
    served.process.send_signal(number)
    code, out, err = served.ended()
    asking.join()
    ((status, answer),) = found
    assert status == 200
    assert len(answer["rows"]) == len(holes)
    assert (code, out, err) == (0, "stopped\n", "")
    with pytest.raises(ConnectionRefusedError):
        served.ask("GET", "/health")


def test_the_token_may_be_in_the_environment(digits_run):
    token = "a-token-of-the-environment"
    with Process(f"ours={digits_run.path}", VARIATE_TOKEN=token) as served:
        assert "".join(served.lines).count(token) == 0
        assert served.ask("GET", "/health", token=token)[1]["models"] == ["ours"]
        served.process.terminate()
        assert served.ended()[0] == 0


def test_a_port_that_is_taken_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError) as error:
            bound_socket("127.0.0.1", taken.getsockname()[1])
    assert error.value.argument == "port"
    with pytest.raises(InputError) as error:
        bound_socket("no.such.host.invalid", 0)
    assert error.value.argument == "host"
