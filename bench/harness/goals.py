"""What a workload must reach, as figures, so that the report can say whether it does."""
import dataclasses

# How near "as fast as another workload" is.
LIKE_WITHIN = 1.1


@dataclasses.dataclass
class Goal:
    """What is None or empty isn't asked for."""

    # Least requests a second, as a part of the floor's.
    of_floor: float | None = None
    # Least requests a second, as a multiple of the peer's.
    of_peer: float | None = None
    # The peer's CPU a request is at least so many times ours.
    cpu_below_peer: float | None = None
    # The workload that this one must be as fast as.
    like: str = ""

    def text(self):
        parts = []
        if self.of_floor:
            parts.append(f"≥ {self.of_floor:g} F")
        if self.of_peer:
            parts.append(f"≥ {self.of_peer:g} P")
        if self.cpu_below_peer:
            parts.append(f"CPU ≤ P/{self.cpu_below_peer:g}")
        if self.like:
            parts.append(f"as {self.like}")
        return ", ".join(parts)

    def verdict(self, floor, peer, ours, alike):
        """`met` or what falls short; empty when there is nothing to compare with. `alike` is ours of `like`."""
        checks = [
            (self.of_floor, floor, ours, "requests_per_second", "of F"),
            (self.of_peer, peer, ours, "requests_per_second", "of P"),
            (self.cpu_below_peer, ours, peer, "cpu_us", "CPU"),
            (1 / LIKE_WITHIN if self.like else None, alike, ours, "requests_per_second", "of it"),
        ]
        asked = [(least, least_of, figure_of, figure, name) for least, least_of, figure_of, figure, name in checks
                 if least and least_of and figure_of and not least_of.note and not figure_of.note]
        missed = [name for least, least_of, figure_of, figure, name in asked
                  if getattr(figure_of, figure) < least * getattr(least_of, figure)]
        return f"short: {', '.join(missed)}" if missed else "met" if asked else ""
