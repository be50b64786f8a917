# SPDX-License-Identifier: Apache-2.0
"""What the suite measures: its groups of cases, for a full run and for --quick.

Names: <who>/<link>/<op>/<size>/d<in flight>. who is raw (UCX by hand, active messages), rma (UCX's get and put), rawcopied (raw without zero copy), app
(baton, the application drives progress), thread (baton with its owner thread), nixl, perftest, map, view.
"""

import os
import socket
import subprocess
import time
from pathlib import Path

from runner import WITH_US, Case, Failure, end_group, program_case, run_program

KIB = 1024
MIB = 1024 * KIB
SEGMENTS = 4032
SEGMENT_BYTES = 32 * KIB
SIZES = (4 * KIB, MIB, 64 * MIB)


def size_text(size_bytes):
    if size_bytes % MIB == 0:
        return f"{size_bytes // MIB}MiB"
    return f"{size_bytes // KIB}KiB"


class Plan:
    """Which programs there are, and how much is asked of each."""

    def __init__(self, build, nats_url, nixl, quick):
        self.bin = Path(build) / "tests" / "bench" / "bin"
        self.baton = Path(build) / "bin" / "baton"
        self.nats_url = nats_url
        self.nixl = nixl  # environment of nixl_transfer, or the reason why there is none
        self.quick = quick
        self.rounds = 3 if quick else 5
        self.budget_s = 90 if quick else 3600  # then each group that is left gets one round

    def count(self, size_bytes, link):
        if size_bytes <= 64 * KIB:
            count = 2000 if self.quick else 10000
            return count // 4 if link == "tcp" else count
        if size_bytes <= MIB:
            return 200 if self.quick else 1000
        return 2 if self.quick else 4

    def warmup(self, size_bytes, depth=1):
        return 200 if size_bytes <= 64 * KIB else 20 if size_bytes <= MIB else depth + 2

    def transfer(self, link, op, size_bytes, depth):
        return ["--link", link, "--op", op, "--size", size_bytes, "--depth", depth,
                "--count", self.count(size_bytes, link), "--warmup", self.warmup(size_bytes, depth)]

    def raw(self, link, op, size_bytes, depth):
        return program_case(f"raw/{link}/{op}/{size_text(size_bytes)}/d{depth}",
                            [self.bin / "raw_am", *self.transfer(link, op, size_bytes, depth)])

    def raw_copied(self, op, size_bytes):
        """Without TCP's zero copy, which baton cannot have: memory that the kernel still reads cannot be taken back from it."""
        return program_case(f"rawcopied/tcp/{op}/{size_text(size_bytes)}/d1",
                            [self.bin / "raw_am", *self.transfer("tcp", op, size_bytes, 1)], {"UCX_ZCOPY_THRESH": "inf"})

    def rma(self, op, size_bytes, segment):
        """segment: of TCP; 8K is what UCX comes with, 64K what raw_am and baton have."""
        arguments = self.transfer("tcp", op, size_bytes, 1)
        count = arguments.index("--count") + 1
        if size_bytes > MIB:
            arguments[count] = 1 if self.quick else 3
        elif op == "put" and size_bytes == MIB:
            arguments[count] = 50 if self.quick else 300
        return program_case(f"rma-{segment}/tcp/{op}/{size_text(size_bytes)}/d1", [self.bin / "raw_rma", *arguments],
                            {"UCX_TCP_TX_SEG_SIZE": segment})

    def by_baton(self, progress, link, op, size_bytes, depth):
        who = "app" if progress == "application" else "thread"
        return program_case(f"{who}/{link}/{op}/{size_text(size_bytes)}/d{depth}",
                            [self.baton, "perf", "--json", "--path", "am", "--progress", progress,
                             *self.transfer(link, op, size_bytes, depth)])

    def by_nixl(self, link, op, size_bytes, depth, progress):
        name = f"nixl-{progress}/{link}/{op}/{size_text(size_bytes)}/d{depth}"
        if isinstance(self.nixl, str):
            reason = self.nixl

            def absent():
                raise Failure(reason)
            return Case(name, absent)
        arguments = self.transfer(link, op, size_bytes, depth)
        count = arguments.index("--count") + 1
        arguments[count] = min(arguments[count], 2000)
        return program_case(name, [self.bin / "nixl_transfer", "--progress", progress, *arguments], self.nixl)

    def strong(self, link, op):
        """The raw program as perftest works: eight in flight, one buffer on each side. Both are pinned: a rule must not
        depend on where the kernel puts two processes."""
        return program_case(f"rawone/{link}/{op}/1MiB/d8",
                            [self.bin / "raw_am", *self.transfer(link, op, MIB, 8), "--slots", 1, "--pinned", 1])

    def perftest(self, link):
        count = self.count(MIB, link)
        return Case(f"perftest/{link}/1MiB", lambda: [run_perftest(link, MIB, count)])

    def mapped(self, size_bytes):
        arguments = self.transfer("shm", "read", size_bytes, 1)
        cases = [program_case(f"map-raw/{size_text(size_bytes)}", [self.bin / "raw_map", *arguments])]
        for progress in ("application", "thread"):
            cases.append(program_case(f"map-{progress}/{size_text(size_bytes)}",
                                      [self.baton, "perf", "--json", "--path", "map", "--progress", progress, *arguments]))
        return cases

    def views(self):
        return [program_case(f"view/{progress}", [self.bin / "bench_view", "--size", 64 * MIB, "--count", 200 if self.quick else 900,
                                                  "--warmup", 20, "--progress", progress])
                for progress in ("application", "thread")]

    def segments(self):
        count = 3 if self.quick else 10
        return [program_case(f"segments/{pieces}",
                             [self.baton, "perf", "--json", "--link", "shm", "--path", "am", "--size", SEGMENTS * SEGMENT_BYTES,
                              "--count", count, "--warmup", 3, "--segments", pieces]) for pieces in (1, SEGMENTS)]

    def handoff(self, link, progress):
        count = 1000 if self.quick else 3000
        return program_case(f"handoff-{progress}/{link}",
                            [self.bin / "bench_handoff", "--nats", self.nats_url, "--link", link, "--progress", progress,
                             "--size", 4 * KIB, "--count", count, "--warmup", 100])

    def fairness(self):
        size, count = (512 * MIB, 2000) if self.quick else (2048 * MIB, 8000)
        return program_case("fairness", [self.bin / "bench_fairness", "--nats", self.nats_url, "--size", size, "--count", count,
                                         "--warmup", 100])

    def handover(self, op, spinners):
        return program_case(f"handover/{op}/{spinners}",
                            [self.bin / "raw_handover", "--op", op, "--spinners", spinners,
                             "--count", 3000 if self.quick else 20000, "--warmup", 200])


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def on_core(number):
    """The first or the second core that this process may use, as measure.c's --pinned."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[number])] if len(cores) > 1 else []


def run_perftest(link, size_bytes, count):
    """ucx_perftest -t ucp_am_bw with error handling (-e), its window as it comes, over the same transports."""
    environment = {"UCX_TLS": "posix,sysv,self" if link == "shm" else "tcp,self", "UCX_WARN_UNUSED_ENV_VARS": "n"}
    environment.update({"UCX_POSIX_ERROR_HANDLING": "y", "UCX_SYSV_ERROR_HANDLING": "y"} if link == "shm"
                       else {"UCX_TCP_TX_SEG_SIZE": "64K"})
    port = str(free_port())
    server = subprocess.Popen([*WITH_US, *on_core(1), "ucx_perftest", "-p", port], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env={**os.environ, **environment}, process_group=0)
    try:
        output = connect_perftest(port, size_bytes, count, environment)
    finally:
        end_group(server)
    for line in reversed(output.splitlines()):
        fields = line.split(",")
        if len(fields) >= 7 and fields[0].strip().isdigit():
            # iterations, then latency (percentile, average, overall), bandwidth (average, overall) in MiB/s, ...
            return {"type": "perftest", "link": link, "size_bytes": size_bytes, "count": count,
                    "gb_per_s": float(fields[5]) * MIB / 1e9}
    raise Failure("ucx_perftest printed no result")


def connect_perftest(port, size_bytes, count, environment):
    deadline = time.monotonic() + 10
    while True:
        try:
            return run_program([*on_core(0), "ucx_perftest", "127.0.0.1", "-p", port, "-t", "ucp_am_bw", "-s", str(size_bytes),
                                "-n", str(count), "-w", "20", "-e", "-f", "-v"], environment)
        except Failure:
            if time.monotonic() > deadline:  # the server was not up yet, or it never will be
                raise
            time.sleep(0.05)


def baseline_groups(plan):
    for link in ("shm", "tcp"):
        yield f"strength of the baseline, {link}", [plan.strong(link, "read"), plan.perftest(link), plan.strong(link, "write")]


def groups(plan):
    """(title, cases), in order. Those that are compared are in one group."""
    yield from baseline_groups(plan)
    yield "hand-offs", [plan.handoff(link, progress) for progress in ("application", "thread") for link in ("shm", "tcp")]
    yield "thread hand-over", [plan.handover(op, spinners) for op in ("spin", "sleep") for spinners in (0, 1)]
    for link in ("shm", "tcp"):
        for op in ("read", "write"):
            for size in SIZES:
                depths = (1, 8) if size == MIB or not plan.quick else (1,)
                for depth in depths:
                    cases = [plan.raw(link, op, size, depth), plan.by_baton("application", link, op, size, depth),
                             plan.by_baton("thread", link, op, size, depth)]
                    if depth == 1:
                        cases.append(plan.by_nixl(link, op, size, depth, "application"))
                        if not plan.quick:
                            cases.append(plan.by_nixl(link, op, size, depth, "thread"))
                        if link == "tcp":
                            call = "get" if op == "read" else "put"
                            cases += [plan.rma(call, size, "8K"), plan.rma(call, size, "64K")]
                            if size >= MIB:
                                cases.append(plan.raw_copied(op, size))
                    yield f"{link} {op} {size_text(size)}, {depth} in flight", cases
    for size in (MIB, 64 * MIB):
        yield f"map {size_text(size)}", plan.mapped(size)
    yield "views", plan.views()
    yield f"{SEGMENTS} segments", plan.segments()
    yield "fairness", [plan.fairness()]
