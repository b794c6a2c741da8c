"""What collections cost: start-up and a point read with 10 and with 1,000 of them, and an import of 300 beside the peer."""
import http.client
import json
import shutil
import statistics
import subprocess
import time

from . import data, report, servers, workloads
from .goals import Goal

FEW, MANY, IMPORTED = 10, 1000, 300
GOAL_START, GOAL_READ = 2.0, 1.3
# A start is short, and so its time is noisy.
STARTS = 15


def measure(root, binary, scratch, options):
    lines = [
        f"{report.date()}: medians of {options.rounds}, of {STARTS} for the start, which is from the process's birth to the first answer.",
        "",
        f"| | {FEW} collections | {MANY:,} collections | ratio | goal |",
        "| --- | --- | --- | --- | --- |",
    ]
    few, many = (collections(binary, scratch, count, options) for count in (FEW, MANY))
    for name, unit, goal in (("start", "ms", GOAL_START), ("point read", "µs CPU", GOAL_READ), ("idle RSS", "MiB", None)):
        cells = [f"{figures[name]:.1f} {unit}" for figures in (few, many)]
        wanted = f"< {goal}" if goal else ""
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {many[name] / few[name]:.2f} | {wanted} |")
    if servers.Peer.is_there(root, binary):
        few, many = (peer_start(root, binary, scratch, count) for count in (FEW, MANY))
        lines.append(f"| the peer's start | {few:.1f} ms | {many:.1f} ms | {many / few:.2f} | |")
    lines += ["", f"| import of {IMPORTED} collections | new (ms) | the same again (ms) |", "| --- | --- | --- |"]
    for kind in (servers.Peer, servers.Monobase):
        if kind.is_there(root, binary):
            new, again = imports(kind, root, binary, scratch, options)
            lines.append(f"| {kind.name} | {new:.0f} | {again:.0f} |")
    return "\n".join(lines) + "\n"


def collections(binary, scratch, count, options):
    """Start-up, point read and memory of a directory with `count` collections beside the system's."""
    home = scratch / f"collections-{count}"
    token = fresh(binary, home)
    with servers.Monobase(None, binary, home) as server:
        put(server, token, [item(number) for number in range(count)])
        record = call(server, token, "POST", "/api/collections/c1/records", {"title": "x", "n": 1})["id"]
    read = workloads.Workload("point read", f"/api/collections/c1/records/{record}", Goal())
    starts, reads, memory = [], [], []
    for _ in range(STARTS):
        with servers.Monobase(None, binary, home) as server:
            starts.append(server.start_ms)
    for _ in range(options.rounds):
        with servers.Monobase(None, binary, home) as server:
            memory.append(server.rss_bytes() / report.MEBIBYTE)
            measured = read.run(server, options.seconds)
            if measured.note:
                raise SystemExit(f"point read: {measured.note}")
            reads.append(measured.cpu_us)
    figures = {"start": starts, "point read": reads, "idle RSS": memory}
    return {name: statistics.median(values) for name, values in figures.items()}


def peer_start(root, binary, scratch, count):
    """Milliseconds that the peer needs on a copy of the same directory, without the log that the point reads left."""
    home = scratch / f"collections-{count}-peer"
    shutil.copytree(scratch / f"collections-{count}", home, ignore=shutil.ignore_patterns("auxiliary.db*"))
    starts = []
    for _ in range(STARTS):
        with servers.Peer(root, binary, home) as server:
            starts.append(server.start_ms)
    return statistics.median(starts)


def imports(kind, root, binary, scratch, options):
    """Milliseconds of a first and of a repeated import."""
    new, again = [], []
    for number in range(options.rounds):
        home = scratch / f"import-{kind.name}-{number}"
        token = fresh(binary, home)
        with kind(root, binary, home) as server:
            items = [item(number) for number in range(IMPORTED)]
            for times in (new, again):
                started = time.monotonic()
                put(server, token, items)
                times.append((time.monotonic() - started) * 1000)
    return statistics.median(new), statistics.median(again)


def item(number):
    """An everyday collection: eight fields, two indexes, rules over its own fields and the caller."""
    name = f"c{number}"
    fields = [{"name": field, "type": "text"} for field in ("title", "slug", "body")]
    fields += [{"name": "n", "type": "number"}, {"name": "live", "type": "bool"}, {"name": "meta", "type": "json"}]
    fields += [{"name": "created", "type": "autodate", "onCreate": True}]
    return {
        "name": name, "type": "base", "fields": fields, "viewRule": "", "listRule": "live = true || n > 5",
        "updateRule": "@request.auth.id != '' && title != ''",
        "indexes": [f"CREATE INDEX by_n_{name} ON {name} (n)", f"CREATE UNIQUE INDEX by_slug_{name} ON {name} (slug)"],
    }


def fresh(binary, home):
    """A directory with one superuser; gives a token of it."""
    home.mkdir(parents=True)
    command = [binary, "superuser", "upsert", data.EMAIL, data.PASSWORD, "--dir", home]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return data.token_of(home, "_superusers")


def put(server, token, items):
    call(server, token, "PUT", "/api/collections/import", {"collections": items, "deleteMissing": False})


def call(server, token, method, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    headers = {"Authorization": token, "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:500]}")
    return json.loads(text) if text else None
