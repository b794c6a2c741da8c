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
STARTS = 31


def measure(root, binary, scratch, options):
    lines = [
        f"{report.date()}: medians of {options.rounds}, of {STARTS} for the start, which is from the process's birth to the first answer.",
        "",
        f"| | {FEW} collections | {MANY:,} collections | ratio | goal |",
        "| --- | --- | --- | --- | --- |",
    ]
    few, many = (collections(binary, scratch, count, options) for count in (FEW, MANY))
    few["start"], many["start"] = starts(servers.Monobase, None, binary, [few["home"], many["home"]])
    for name, unit, goal in (("start", "ms", GOAL_START), ("point read", "µs CPU", GOAL_READ), ("idle RSS", "MiB", None)):
        cells = [f"{figures[name]:.1f} {unit}" for figures in (few, many)]
        wanted = f"< {goal}" if goal else ""
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {many[name] / few[name]:.2f} | {wanted} |")
    if servers.Peer.is_there(root, binary):
        few, many = starts(servers.Peer, root, binary, [peer_home(few["home"]), peer_home(many["home"])])
        lines.append(f"| the peer's start | {few:.1f} ms | {many:.1f} ms | {many / few:.2f} | |")
    lines += ["", f"| import of {IMPORTED} collections | new (ms) | the same again (ms) |", "| --- | --- | --- |"]
    for kind in (servers.Peer, servers.Monobase):
        if kind.is_there(root, binary):
            new, again = imports(kind, root, binary, scratch, options)
            lines.append(f"| {kind.name} | {new:.0f} | {again:.0f} |")
    return "\n".join(lines) + "\n"


def collections(binary, scratch, count, options):
    """Point read and memory of a directory with `count` collections beside the system's, and where it is."""
    home = scratch / f"collections-{count}"
    token = fresh(binary, home)
    with servers.Monobase(None, binary, home) as server:
        put(server, token, [item(number) for number in range(count)])
        record = call(server, token, "POST", "/api/collections/c1/records", {"title": "x", "n": 1})["id"]
    read = workloads.Workload("point read", f"/api/collections/c1/records/{record}", Goal())
    reads, memory = [], []
    for _ in range(options.rounds):
        with servers.Monobase(None, binary, home) as server:
            memory.append(server.rss_bytes() / report.MEBIBYTE)
            measured = read.run(server, options.seconds)
            if measured.note:
                raise SystemExit(f"point read: {measured.note}")
            reads.append(measured.cpu_us)
    return {"point read": statistics.median(reads), "idle RSS": statistics.median(memory), "home": home}


def starts(kind, root, binary, homes):
    """Milliseconds that a start takes on each of the directories, taken in turn."""
    times = [[] for _ in homes]
    for _ in range(STARTS):
        for home, of_home in zip(homes, times):
            with kind(root, binary, home) as server:
                of_home.append(server.start_ms)
    return [statistics.median(of_home) for of_home in times]


def peer_home(home):
    """A copy for the peer, without the log that the point reads left."""
    copy = home.parent / f"{home.name}-peer"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("auxiliary.db*"))
    return copy


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
