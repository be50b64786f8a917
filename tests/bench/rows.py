# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: what is to be reached, and what was."""

from cases import KIB, MIB, SEGMENTS, size_text


class Row:
    """wanted: (">=" or "<=", limit), or None where there is nothing to reach. got: None if it was not measured, else the ratio of
    the medians. best: the ratio of the best rounds, what a busy machine disturbs least."""

    def __init__(self, group, what, wanted, got, detail="", is_rule=False, best=None):
        self.group = group
        self.what = what
        self.wanted = wanted
        self.got = got
        self.detail = detail
        self.is_rule = is_rule
        self.best = best

    @property
    def is_met(self):
        """By the medians. A rule is about what a program can do: by the best rounds."""
        got = self.best if self.is_rule else self.got
        if got is None or self.wanted is None:
            return None
        sign, limit = self.wanted
        return got >= limit if sign == ">=" else got <= limit

    def verdict(self):
        if self.got is None:
            return "not measured"
        return {True: "reached", False: "missed", None: "for information"}[self.is_met]

    def as_object(self):
        wanted = None if self.wanted is None else {"sign": self.wanted[0], "limit": self.wanted[1]}
        return {"group": self.group, "what": self.what, "wanted": wanted, "got": self.got, "got_best": self.best, "verdict": self.verdict(),
                "detail": self.detail}


class Table:
    def __init__(self, results):
        self.results = results
        self.rows = []

    def missing(self, names):
        """Why there is no figure for these names; None if there is one for each."""
        for name in names:
            if self.results.get(name) is None:
                return f"not measured: {self.results.why(name)}"
        return None

    def rate(self, name):
        """GB/s, of the rounds the median and the best. With one in flight from the median of the latency, which a disturbance of some of
        them does not move."""
        found = self.results.get(name)
        if name.endswith("/d1") or name.startswith(("map", "segments")):
            size = found.samples[0]["size_bytes"] / 1e3
            return size / found.median("p50_us"), size / found.best("p50_us")
        return found.median("gb_per_s"), found.best("gb_per_s")

    def value(self, name, field):
        found = self.results.get(name)
        return found.median(field), found.best(field)

    def add(self, *arguments, **keywords):
        self.rows.append(Row(*arguments, **keywords))

    def add_ratio(self, group, what, wanted, names, read, unit, is_rule=False):
        """names: what is measured, and what against. read(name): of the rounds the median and the best."""
        why = self.missing(names)
        if why is not None:
            self.add(group, what, wanted, None, why, is_rule)
            return
        mine, theirs = (read(name) for name in names)
        self.add(group, what, wanted, mine[0] / theirs[0], f"{mine[0]:.3g} and {theirs[0]:.3g} {unit}", is_rule,
                 mine[1] / theirs[1])

    def add_rates(self, group, what, wanted, name, base, is_rule=False):
        self.add_ratio(group, what, wanted, (name, base), self.rate, "GB/s", is_rule)

    def add_values(self, group, what, wanted, name, base, field="p50_us", unit="us"):
        self.add_ratio(group, what, wanted, (name, base), lambda one: self.value(one, field), unit)


def add_baseline(table):
    group = "strength of the raw program (the run fails below)"
    for link in ("shm", "tcp"):
        for op in ("read", "write"):
            table.add_rates(group, f"raw am {op}, {link}, 1 MiB, eight in flight, to ucx_perftest -t ucp_am_bw", (">=", 0.9),
                            f"rawone/{link}/{op}/1MiB/d8", f"perftest/{link}/1MiB", is_rule=True)


WHO = (("thread", "owner thread"), ("app", "application drives"))


def add_bandwidth(table, link, sizes, group):
    for op in ("read", "write"):
        for size in sizes:
            for depth in (1, 8):
                for who, words in WHO:
                    name = f"{link}/{op}/{size_text(size)}/d{depth}"
                    if f"raw/{name}" in table.results.measurements:
                        what = f"{op} {size_text(size)}, {depth} in flight, {words}"
                        table.add_rates(group, what, (">=", 0.95), f"{who}/{name}", f"raw/{name}")
                        if f"rawcopied/{name}" in table.results.measurements:
                            table.add_rates(group, f"{what}; raw without zero copy", None, f"{who}/{name}", f"rawcopied/{name}")


def add_small(table):
    group = "`am`, shm, 4 KiB, latency against raw"
    for op in ("read", "write"):
        name = f"shm/{op}/4KiB/d1"
        table.add_values(group, f"{op}, application drives", ("<=", 1.15), f"app/{name}", f"raw/{name}")
        add_small_with_thread(table, group, op, name)


def add_small_with_thread(table, group, op, name):
    for spinners, words in ((0, "alone"), (1, "with a process that spins")):
        what = f"{op}, owner thread, against raw and one hand-over to a thread ({words})"
        needed = (f"thread/{name}", f"raw/{name}", f"handover/spin/{spinners}")
        why = table.missing(needed)
        if why is not None:
            table.add(group, what, ("<=", 1.0), None, why)
            continue
        mine, raw, hop = (table.value(name, "p50_us") for name in needed)
        table.add(group, what, ("<=", 1.0), mine[0] / (raw[0] + hop[0]),
                  f"{mine[0]:.1f} us, raw {raw[0]:.1f} and hand-over {hop[0]:.1f} us", best=mine[1] / (raw[1] + hop[1]))


def add_tcp_rma(table):
    for op, call, limit in (("read", "get", 3), ("write", "put", 20)):
        for size in (4 * KIB, MIB, 64 * MIB):
            for who, words in WHO:
                name = f"{who}/tcp/{op}/{size_text(size)}/d1"
                for segment, limits, remark in (("8K", (">=", limit), "as UCX comes"), ("64K", None, "in segments of 64K")):
                    table.add_rates("`am`, TCP, against UCX's get and put", f"{op} {size_text(size)} to ucp_{call} {remark}, {words}",
                                    limits, name, f"rma-{segment}/tcp/{call}/{size_text(size)}/d1")


def add_map(table):
    for size in (MIB, 64 * MIB):
        for progress, words in (("thread", "owner thread"), ("application", "application drives")):
            table.add_rates("`map` against memcpy", f"{size_text(size)}, {words}", (">=", 0.95), f"map-{progress}/{size_text(size)}",
                            f"map-raw/{size_text(size)}")
        table.add_rates("`map` against memcpy", f"{size_text(size)}, raw ucp_rkey_ptr to memcpy of private memory", None,
                        f"map-raw/{size_text(size)}", f"map-raw/{size_text(size)}:memcpy")
    for progress, words in (("thread", "owner thread"), ("application", "application drives")):
        table.add_values("`map` against memcpy", f"a view of 64 MiB to one of 4 KiB, {words}", ("<=", 1.1),
                            f"view/{progress}:view_large", f"view/{progress}")


def faster(table, names):
    found = [name for name in names if table.results.get(name) is not None]
    return min(found, key=lambda name: table.results.get(name).median("p50_us")) if found else names[0]


def add_nixl(table):
    wanted = {"shm": {4 * KIB: (">=", 10), MIB: (">=", 2), 64 * MIB: (">=", 1.3)}}
    for link in ("shm", "tcp"):
        for op in ("read", "write"):
            for size in (4 * KIB, MIB, 64 * MIB):
                name = f"{link}/{op}/{size_text(size)}/d1"
                base = faster(table, [f"nixl-{progress}/{name}" for progress in ("thread", "application")])
                limit = wanted["shm"][size] if link == "shm" else (">=", 3 if op == "read" else 1)
                mine = faster(table, [f"{who}/{name}" for who in ("app", "thread")])
                table.add_rates("against NIXL, the better of each one's two modes", f"{link} {op} {size_text(size)}", limit, mine, base)


def add_segments(table):
    table.add_rates("many segments", f"{SEGMENTS} of 32 KiB to one piece of the same size", (">=", 0.8), f"segments/{SEGMENTS}",
                    "segments/1")


def add_fairness(table):
    for who, words in (("same", "the same"), ("other", "another")):
        for field, wanted in (("p50_us", None), ("p99_us", ("<=", 5))):
            table.add_values("4 KiB hand-off beside a large transfer, against alone", f"{field[:3]}, to {words} consumer", wanted,
                             f"fairness:fairness_{who}", "fairness", field)


def add_handoff(table):
    for link, limit in (("shm", 0.75), ("tcp", 0.9)):
        for progress in ("application", "thread"):
            name = f"handoff-{progress}/{link}"
            for field, wanted in (("p50_us", limit), ("p99_us", 1.0)):
                what = f"{link}, {progress}, {field[:3]} to the faster NATS request"
                found = table.results.get(name)
                if found is None:
                    table.add("whole hand-off of 4 KiB", what, ("<=", wanted), None, table.missing((name,)))
                    continue
                mine, ping, request = (table.value(name, prefix + field) for prefix in ("", "ping_", "request_"))
                table.add("whole hand-off of 4 KiB", what, ("<=", wanted), mine[0] / min(ping[0], request[0]),
                          f"{mine[0]:.0f} us; ping {ping[0]:.0f}, SendAsap {request[0]:.0f} us",
                          best=mine[1] / min(ping[1], request[1]))


def add_nixl_connect(table):
    table.add_values("whole hand-off of 4 KiB", "nixl_connect over NATS through baton", (">=", 40), "nixl-connect",
                        "handoff-thread/shm")


def add_cpu(table):
    for link in ("shm", "tcp"):
        for op in ("read", "write"):
            for size in (MIB, 64 * MIB):
                for who, words in WHO:
                    name = f"{link}/{op}/{size_text(size)}/d1"
                    table.add_values("CPU seconds per GB, both sides, against raw", f"{link} {op} {size_text(size)}, {words}",
                                     ("<=", 1.1), f"{who}/{name}", f"raw/{name}", "cpu_s_per_gb", "s/GB")


def make_rows(results):
    table = Table(results)
    add_baseline(table)
    add_bandwidth(table, "shm", (MIB, 64 * MIB), "`am`, shm, bandwidth against raw")
    add_small(table)
    add_bandwidth(table, "tcp", (4 * KIB, MIB, 64 * MIB), "`am`, TCP, bandwidth against raw")
    add_tcp_rma(table)
    add_map(table)
    add_nixl(table)
    add_segments(table)
    add_fairness(table)
    add_handoff(table)
    add_nixl_connect(table)
    add_cpu(table)
    return table.rows
