"""Results as medians and ratios, and the Markdown that keeps them."""
import collections
import statistics
import time

from .contention import P99_TIMES_MAX
from .workloads import Measured

MEBIBYTE = 1024 * 1024


class Results:
    """Every round of every workload on every server."""

    def __init__(self):
        self.rounds = collections.defaultdict(list)
        self.idle = collections.defaultdict(list)
        self.end = collections.defaultdict(list)
        self.contention = collections.defaultdict(list)

    def add(self, workload, server, measured):
        self.rounds[workload, server].append(measured)

    def add_idle(self, server, start_ms, rss_bytes):
        self.idle[server].append((start_ms, rss_bytes))

    def add_contention(self, server, contention):
        self.contention[server].append(contention)

    def add_end(self, server, rss_bytes):
        self.end[server].append(rss_bytes)

    def of(self, workload, server):
        """Medians of the rounds; the note of a round that failed wins."""
        rounds = self.rounds[workload, server]
        if not rounds:
            return Measured(note="–")
        noted = [measured for measured in rounds if measured.note]
        if noted:
            return noted[0]
        figures = ("requests_per_second", "cpu_us", "p50_ms", "p99_ms")
        return Measured(*(statistics.median(getattr(measured, figure) for measured in rounds) for figure in figures))


def comparison(results, workloads, options):
    lines = [
        f"{date()}: {options.rounds} rounds of {options.seconds} s in turn, medians; {options.rows:,} rows. F floor, P peer,"
        " M Monobase; CPU is server time a request. Where the client is the limit, CPU F/M tells more than M/F.",
        "",
        "| workload | F /s | P /s | M /s | M/F | M/P | CPU F, P, M (µs) | F/M | P/M | M p50, p99 (ms) | goal | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for workload in workloads:
        floor, peer, ours = (results.of(workload.name, server) for server in ("floor", "peer", "monobase"))
        alike = results.of(workload.goal.like, "monobase")
        cells = [
            workload.name, rate(floor), rate(peer), rate(ours),
            ratio(ours, floor, "requests_per_second"), ratio(ours, peer, "requests_per_second"),
            ", ".join(cpu(measured) for measured in (floor, peer, ours)),
            ratio(floor, ours, "cpu_us"), ratio(peer, ours, "cpu_us"),
            "–" if ours.note else f"{ours.p50_ms:.2f}, {ours.p99_ms:.2f}",
            workload.goal.text(), workload.goal.verdict(floor, peer, ours, alike),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines + beside_sign_ins(results) + processes(results)) + "\n"


def beside_sign_ins(results):
    """How point reads fare while passwords are checked."""
    lines = ["", "| point reads | p99 idle (ms) | p99 beside sign-ins (ms) | ratio | goal |", "| --- | --- | --- | --- | --- |"]
    for server, measured in results.contention.items():
        idle, beside = (statistics.median(values) for values in zip(*measured))
        lines.append(f"| {server} | {idle:.2f} | {beside:.2f} | {beside / idle:.1f} | < {P99_TIMES_MAX} |")
    return lines if results.contention else []


def processes(results):
    lines = ["", "| | start (ms) | idle RSS (MiB) | RSS at the end (MiB) |", "| --- | --- | --- | --- |"]
    for server in ("floor", "peer", "monobase"):
        if results.idle[server]:
            start, idle = (statistics.median(values) for values in zip(*results.idle[server]))
            end = statistics.median(results.end[server])
            lines.append(f"| {server} | {start:.0f} | {idle / MEBIBYTE:.1f} | {end / MEBIBYTE:.1f} |")
    lines.append("| goal | as the peer | < 20 | < 200 |")
    return lines


def growth(results, names, sizes):
    lines = [
        f"{date()}: Monobase alone; requests a second and server CPU a request (µs) against the rows of the collection.",
        "",
        "| workload | " + " | ".join(f"{size:,} rows" for size in sizes) + " | CPU, last to first |",
        "| --- |" + " --- |" * (len(sizes) + 1),
    ]
    for name in names:
        measured = [results.of(name, str(size)) for size in sizes]
        cells = [m.note or f"{m.requests_per_second:,.0f}/s, {m.cpu_us:.1f}" for m in measured]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {ratio(measured[-1], measured[0], 'cpu_us')} |")
    starts = [f"{results.idle[str(size)][0][0]:.0f} ms" for size in sizes]
    lines.append("| start | " + " | ".join(starts) + " | |")
    return "\n".join(lines) + "\n"


def store(readme, part, text):
    """Puts the text between the marks of its part."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    page = readme.read_text(encoding="utf8")
    before, rest = page.split(begin)
    _, after = rest.split(end)
    readme.write_text(f"{before}{begin}\n{text}{end}{after}", encoding="utf8")


def rate(measured):
    return measured.note or f"{measured.requests_per_second:,.0f}"


def cpu(measured):
    return "–" if measured.note else f"{measured.cpu_us:.1f}"


def ratio(a, b, figure):
    if a.note or b.note or not getattr(b, figure):
        return "–"
    return f"{getattr(a, figure) / getattr(b, figure):.2f}"


def date():
    return time.strftime("%d %B %Y", time.gmtime())
