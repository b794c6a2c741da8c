"""The benchmark harness: data to measure on, servers to measure, workloads, a report."""
