"""What realtime costs: server CPU a delivery beside the peer, and memory of idle listeners.

The listeners (bench/listeners.rs) run as a process of their own; the server's CPU is counted from their first create to
the last delivery.
"""
import dataclasses
import resource
import statistics
import subprocess
import sys

from . import data, report, servers

ROWS = 1000
STREAM_SECONDS = 20
IDLE_STREAMS = 10_000
KIBIBYTE = 1024
# Files that a process needs beside its connections.
SPARE_FILES = 500


@dataclasses.dataclass
class Case:
    name: str
    streams: int
    creates: int
    # 0: all at once.
    per_second: int
    goal: str


@dataclasses.dataclass
class Measured:
    delivered: int
    expected: int
    p50_ms: float
    p99_ms: float
    seconds: float
    cpu_us: float
    rss_bytes: int

    def __str__(self):
        return (
            f"{self.delivered} of {self.expected}, {self.cpu_us:.2f} µs CPU each, "
            f"p50 {self.p50_ms:.1f} p99 {self.p99_ms:.1f} ms, {self.seconds:.1f} s"
        )


CASES = [
    Case("1,000 streams, 100 creates a second", 1000, 100 * STREAM_SECONDS, 100, "all, p99 < 50 ms, CPU ≤ P/5"),
    Case("200 streams, 200 creates at once", 200, 200, 0, "all, CPU ≤ P/15"),
]


def measure(root, binary, scratch, options):
    raise_file_limit()
    seed = data.make(binary, scratch / "seed", ROWS)
    chosen = [case for case in CASES if not options.only or any(o in case.name for o in options.only)]
    results = {}
    for round_number in range(options.rounds):
        for kind in (servers.Peer, servers.Monobase):
            if not kind.is_there(root, binary):
                continue
            for number, case in enumerate(chosen):
                # Each case has a server of its own: what the peer still has to send of one would be counted in the next.
                home = data.copy(seed, scratch / f"{kind.name}-{round_number}-{number}")
                with kind(root, binary, home) as server:
                    measured = run(root, server, case)
                results.setdefault((case.name, kind.name), []).append(measured)
                print(f"round {round_number + 1} {kind.name:9} {case.name:36} {measured}", file=sys.stderr)
    return table(chosen, results, options) + "\n" + idle(root, binary, seed, scratch, options)


def run(root, server, case):
    with Listeners(root, server, case.streams, case.creates, case.per_second) as listeners:
        before = server.cpu_seconds()
        delivered, expected, p50, p99, _, elapsed_ms = listeners.listen()
        cpu = server.cpu_seconds() - before
        rss = server.rss_bytes()
    return Measured(delivered, expected, p50 / 1000, p99 / 1000, elapsed_ms / 1000, cpu / max(delivered, 1) * 1e6, rss)


class Listeners:
    """The listening process with its streams open."""

    def __init__(self, root, server, streams, creates, per_second):
        program = root / "bench/target/release/listeners"
        command = [program, f"127.0.0.1:{server.port}", str(streams), str(creates), str(per_second)]
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.expect("READY")

    def listen(self):
        self.go_on()
        return [int(figure) for figure in self.expect("RESULT")]

    def go_on(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()

    def expect(self, word):
        line = self.child.stdout.readline().split()
        if line[:1] != [word]:
            raise SystemExit(f"the listeners ended before {word}")
        return line[1:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        try:
            self.child.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def table(chosen, results, options):
    lines = [
        f"{report.date()}: medians of {options.rounds} rounds; P peer, M Monobase. A delivery is one message to one listener; its"
        " time is from the sending of the create, so the commit is part of it.",
        "",
        "| case | P delivered, p99 | M delivered, p50, p99 | CPU a delivery P, M (µs) | CPU P/M | goal |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for case in chosen:
        peer, ours = (median(results.get((case.name, name))) for name in ("peer", "monobase"))
        cells = [
            case.name,
            f"{share(peer)}, {peer.p99_ms:,.0f} ms" if peer else "–",
            f"{share(ours)}, {ours.p50_ms:.1f}, {ours.p99_ms:.1f} ms",
            f"{peer.cpu_us:.1f}, {ours.cpu_us:.2f}" if peer else f"–, {ours.cpu_us:.2f}",
            f"{peer.cpu_us / ours.cpu_us:.1f}" if peer else "–",
            case.goal,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def median(rounds):
    """Figure by figure; of the deliveries the fewest."""
    if not rounds:
        return None
    names = [field.name for field in dataclasses.fields(Measured)]
    middle = {name: statistics.median(getattr(measured, name) for measured in rounds) for name in names}
    return Measured(**{**middle, "delivered": min(measured.delivered for measured in rounds)})


def share(measured):
    return "all" if measured.delivered == measured.expected else f"{measured.delivered / measured.expected:.1%}"


def idle(root, binary, seed, scratch, options):
    """Memory of listeners to whom nothing is said."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    streams = min(IDLE_STREAMS, limit - SPARE_FILES)
    lines = ["| idle listeners | RSS before (MiB) | with them (MiB) | each (KiB) | goal |", "| --- | --- | --- | --- | --- |"]
    for kind in (servers.Peer, servers.Monobase):
        if not kind.is_there(root, binary):
            continue
        with kind(root, binary, data.copy(seed, scratch / f"idle-{kind.name}")) as server:
            before = server.rss_bytes()
            with Listeners(root, server, streams, 0, 0):
                after = server.rss_bytes()
        each = (after - before) / streams / KIBIBYTE
        print(f"{kind.name:9} {streams} idle listeners: {each:.1f} KiB each", file=sys.stderr)
        cells = [f"{kind.name}, {streams:,}", *(f"{rss / report.MEBIBYTE:.1f}" for rss in (before, after)), f"{each:.1f}"]
        goal = "< 12 KiB" if kind is servers.Monobase else ""
        lines.append("| " + " | ".join([*cells, goal]) + " |")
    return "\n".join(lines) + "\n"


def raise_file_limit():
    """Each stream is an open file, here and (by inheritance) in the listeners and the servers."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
