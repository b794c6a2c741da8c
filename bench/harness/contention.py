"""Point reads beside a storm of sign-ins: hashing passwords must not hold up those who read."""
import dataclasses
import threading

from . import workloads

SIGN_INS = 32
# Few enough to leave the processor time: what is measured is waiting, not throughput.
READERS = 4
# The goal: so many times its idle value the p99 may be.
P99_TIMES_MAX = 3


def measure(server, seed, seconds):
    """The p99 of point reads in milliseconds, idle and beside the sign-ins; None when the server can't be asked."""
    view = next(w for w in workloads.all_of(seed) if w.name == workloads.VIEW)
    reads = dataclasses.replace(view, connections=READERS)
    storm = workloads.sign_in(seed, SIGN_INS)
    idle = reads.run(server, seconds)
    # Longer than the reads and their warm-up, so that they are never alone.
    signing_in = threading.Thread(target=storm.run, args=(server, seconds + 3 * workloads.WARM_UP_SECONDS))
    signing_in.start()
    beside = reads.run(server, seconds)
    signing_in.join()
    if idle.note or beside.note:
        return None
    return idle.p99_ms, beside.p99_ms
