"""Two other stacks over the same database, schema and replies: that of the documents (peers/seed.py), and a strong one on Node (peers/server.js).
They write no answers under a command's id and ask no Redis: what Tithi does more is in its own time."""

import contextlib
import os
import pwd
import signal
import subprocess
import time

import requests

from load import HERE

FOLDER = HERE / "peers"
SEED_PROCESSES = 4
# Of Node's forms the best: many connections, but for one hot event as few as there are processes.
NODE = ["node", "server.js"]
GUNICORN = ["/usr/bin/gunicorn", "--workers", str(SEED_PROCESSES), "--backlog", "4096", "--log-level", "error", "--bind", "127.0.0.1:{port}"]
FORMS = {"Node": NODE, "Node, hot": NODE, "seed stack": [*GUNICORN, "seed:app"]}
POOL = {"Node": 8, "Node, hot": 1}
CONNECTIONS = {"Node": (1, 64, 256), "seed stack": (1, 64)}  # gunicorn's synchronous workers gain nothing from more


def install():
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run(command, cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)


class Peer:
    def __init__(self, form, ground, port):
        self.url = f"http://127.0.0.1:{port}"
        settings = {
            **os.environ, "PORT": str(port), "DATABASE": str(ground.socket_folder), "USER": pwd.getpwuid(os.getuid()).pw_name,
            "JWT_SECRET_KEY": ground.stack.settings["JWT_SECRET_KEY"], "POOL": str(POOL.get(form, 1)), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        command = [word.format(port=port) for word in FORMS[form]]
        self.process = subprocess.Popen(command, cwd=FOLDER, env=settings, start_new_session=True)
        self.wait(f"{self.url}/events/{ground.first_event}")

    def wait(self, url):
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(requests.ConnectionError):
                assert requests.get(url, timeout=5).status_code == 200
                return
            assert time.monotonic() < deadline and self.process.poll() is None, f"{url} does not answer"
            time.sleep(0.1)

    def close(self):
        os.killpg(self.process.pid, signal.SIGTERM)  # its own group
        self.process.wait()


@contextlib.contextmanager
def running(ground, free_port):
    """{form: Peer}"""
    with contextlib.ExitStack() as ends:
        started = {}
        for form in FORMS:
            started[form] = Peer(form, ground, free_port())
            ends.callback(started[form].close)
        yield started
