"""What nothing that is built this way can be faster than, measured beside it: h2o with fixed bytes, the way of a message through ZeroMQ, what
PostgreSQL books by itself, Argon2id alone."""

import subprocess
import time

from load import HERE, OUT, ROOT, compile_program, run_json

PGBENCH_CLIENTS = {False: (8, 16, 32), True: (2, 8, 16, 32)}  # one hot event: yes or no


def compile_limits():
    h2o = subprocess.run(["pkg-config", "--cflags", "--libs", "libh2o-evloop"], check=True, text=True, capture_output=True).stdout.split()
    compile_program("fixed", "-DH2O_USE_LIBUV=0", "-DH2O_USE_EPOLL=1", *h2o, "-lssl", "-lcrypto", "-lwslay")
    compile_program("zmq_path", "-lzmq")
    compile_program("hash_loop", f"-I{ROOT}/lib", "-largon2", "-lsodium", sources=[ROOT / "lib/password.c"])


class Fixed:
    """h2o, answering everything with `size` bytes."""

    def __init__(self, size, port):
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen([OUT / "fixed", str(port), str(size)])
        time.sleep(0.3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def zmq_path(in_flight, per_message, size, seconds):
    return run_json([OUT / "zmq_path", in_flight, per_message, size, seconds, OUT])


def argon2(processes, seconds):
    return run_json([OUT / "hash_loop", processes, seconds])


def pgbench(ground, hot, clients, seconds):
    """What a booking writes, as one prepared transaction (book.sql)."""
    programs = ground.rows("SELECT setting FROM pg_config WHERE name = 'BINDIR'")[0][0]
    first_user, users = ground.rows("SELECT min(id), count(*) FROM users")[0]
    variables = {
        "hot": int(hot), "first": ground.hot_event if hot else ground.first_event, "last": ground.last_event,
        "first_user": first_user, "users": users,
    }  # fmt: skip
    command = [f"{programs}/pgbench", "-n", "-M", "prepared", "-c", clients, "-j", 1, "-T", seconds]
    command += [word for name, value in variables.items() for word in ("-D", f"{name}={value}")]
    command += ["-f", HERE / "book.sql", "-h", ground.socket_folder, "tithi"]

    def measure():
        done = subprocess.run([str(word) for word in command], check=True, text=True, capture_output=True)
        value = {line.split(" = ")[0]: line.split(" = ")[1] for line in done.stdout.splitlines() if " = " in line}
        return {"rate": float(value["tps"].split()[0]), "p50_ms": float(value["latency average"].split()[0])}

    return ground.swept(None, measure)
