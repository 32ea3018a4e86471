"""Load generators: wrk for as much as connections can do, our own (steady.c) for a fixed pace and for what each second was like. Whatever is
answered otherwise than it should be ends the bench without a figure."""

import json
import pathlib
import subprocess

from figures import Violation

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = ROOT / "build/bench"


def compile_program(name, *flags, sources=()):
    """A C program of this folder."""
    OUT.mkdir(parents=True, exist_ok=True)
    command = ["gcc", "-std=gnu11", "-O2", "-D_GNU_SOURCE", str(HERE / f"{name}.c"), *map(str, sources), "-o", str(OUT / name), *flags]
    subprocess.run(command, check=True)
    return str(OUT / name)


def run_json(command):
    done = subprocess.run([str(word) for word in command], check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def wrk(url, connections, seconds, *kind):
    """KIND as load.lua says."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", HERE / "load.lua", url, "--", *kind]
    result = run_json(command)
    if result["refused"]:
        raise Violation(f"{result['refused']} of {result['requests']} requests to {url} were refused or failed ({' '.join(map(str, kind))})")
    if result["broken"]:
        raise Violation(f"{result['broken']} connections to {url} broke or had no answer in 10 s ({' '.join(map(str, kind))})")
    result["rate"] = result["requests"] / result["seconds"]
    return result


def steady(url, connections, rate, seconds, *kind, statuses):
    """KIND as steady.c says; rate 0: as fast as it goes. Only these statuses may come."""
    command = [OUT / "steady", url.rsplit(":", 1)[1], connections, rate, seconds, *kind]
    result = run_json(command)
    others = {status: count for status, count in result["statuses"].items() if int(status) not in statuses}
    if others or result["unanswered"]:
        raise Violation(f"{url} answered {others} besides {statuses}, and {result['unanswered']} not at all ({' '.join(map(str, kind))})")
    return result
