# SPDX-License-Identifier: Apache-2.0
"""The benchmark suite itself; run.sh sets the machine up, builds, and starts it.

    suite.py --build FOLDER --out FOLDER --nats URL [--nixl LIBRARY --nixl-version V | --no-nixl REASON]
             [--nixl-connect PYTHON | --no-nixl-connect REASON] [--quick] [--only WORD] [--rounds N]

--only runs the groups whose title has the word; the table then says of the rest that it was not measured.
"""

import argparse
import datetime
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import cases
import report
import rows as rows_of
from runner import Case, Failure, Results, objects_of, run_program

# Exit statuses; tests/run.sh knows the second.
FAILED = 1
WEAK = 3


def first_match(path, key):
    for line in Path(path).read_text().splitlines():
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return "unknown"


def load():
    return f"{os.getloadavg()[0]:.1f}"


def busy_percent():
    """How much of all cores somebody else uses, over a second."""
    def read():
        numbers = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return sum(numbers), numbers[3] + numbers[4]
    total, idle = read()
    time.sleep(1)
    total_after, idle_after = read()
    return round(100 * (1 - (idle_after - idle) / max(1, total_after - total)))


def command_line(arguments):
    try:
        return subprocess.run(arguments, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return "unknown"


def describe_machine(plan, options):
    return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "cpu": first_match("/proc/cpuinfo", "model name"), "cores": os.cpu_count(), "kernel": platform.release(),
            "ucx": command_line(["pkg-config", "--modversion", "ucx"]),
            "nats_c": command_line(["pkg-config", "--modversion", "libnats"]),
            "nats_server": command_line(["nats-server", "--version"]).replace(": v", " "),
            "baton": command_line([str(plan.baton), "version"]).splitlines()[0].split(",")[0].removeprefix("baton "), "nixl": options.nixl_version or "none",
            "rounds": plan.rounds, "quick": plan.quick, "load_before": load(), "others_percent": busy_percent()}


def nixl_environment(options):
    """Of nixl_transfer, or why there is none."""
    if options.nixl is None:
        return options.no_nixl or "not asked for"
    plugins = Path(options.nixl).parent / "plugins"
    return {"BATON_BENCH_NIXL": options.nixl, "BATON_BENCH_NIXL_VERSION": options.nixl_version,
            "NIXL_PLUGIN_DIR": str(plugins), "NIXL_LOG_LEVEL": "ERROR"}


def nixl_connect_case(options, plan):
    def absent():
        raise Failure(options.no_nixl_connect or "not asked for")

    def measure():
        script = Path(__file__).with_name("nixl_connect.py")
        environment = {"UCX_TLS": "posix,sysv,self", "UCX_POSIX_ERROR_HANDLING": "y", "UCX_SYSV_ERROR_HANDLING": "y",
                       "NIXL_LOG_LEVEL": "ERROR"}
        return objects_of(run_program([options.nixl_connect, str(script), "--nats", options.nats, "--count",
                                       "20" if plan.quick else "100"], environment))
    return Case("nixl-connect", absent if options.nixl_connect is None else measure)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--nixl")
    parser.add_argument("--nixl-version", default="")
    parser.add_argument("--no-nixl")
    parser.add_argument("--nixl-connect")
    parser.add_argument("--no-nixl-connect")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--rounds", type=int)
    return parser.parse_args()


def broken_rules(rows, is_whole):
    """The baselines have to be strong. In a part of the suite they need not be there."""
    return [row for row in rows if row.is_rule and (row.is_met is False or (row.got is None and is_whole))]


def repeat_while_weak(results, title, group):
    """One round in which something else had the machine is no proof that the raw program is weak: up to six more."""
    names = {case.name for case in group}
    for _ in range(6):
        rules = [row for row in rows_of.make_rows(results) if row.is_rule and row.is_met is False]
        if not names & results.measurements.keys() or not any(title.split()[-1] in row.what for row in rules):
            return
        results.run_group(f"{title}, once more", group, 1)


def main():
    # As an exception, so that what runs is ended on the way out.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    options = parse()
    begin = time.monotonic()
    plan = cases.Plan(options.build, options.nats, nixl_environment(options), options.quick)
    if options.rounds is not None:
        plan.rounds = options.rounds
        plan.budget_s = float("inf")
    machine = describe_machine(plan, options)
    results = Results()
    for title, group in cases.groups(plan):
        if options.only in title:
            results.run_group(title, group, plan.rounds, begin + plan.budget_s)
    for title, group in cases.baseline_groups(plan):
        repeat_while_weak(results, title, group)
    if options.only in "nixl_connect":
        results.run_group("nixl_connect", [nixl_connect_case(options, plan)], 1)
    machine["load_after"] = load()
    machine["is_cut"] = results.is_cut
    rows = rows_of.make_rows(results)
    report.write_all(options.out, machine, results, rows)
    print((Path(options.out) / "table.md").read_text())
    weak = broken_rules(rows, options.only == "")
    failed = [name for name in results.missing if not name.startswith("nixl")]
    count = {verdict: sum(row.verdict() == verdict for row in rows) for verdict in ("reached", "missed", "not measured")}
    for row in weak:
        print(f"WEAK the raw program cannot be compared with: {row.what}: {row.best}")
    for name in failed:
        print(f"FAILED {name}: {results.missing[name]}")
    print(f"bench: {count['reached']} reached, {count['missed']} missed, {count['not measured']} not measured in "
          f"{time.monotonic() - begin:.0f} s; {'FAILED' if failed else 'WEAK baseline' if weak else 'ok'}")
    return FAILED if failed else WEAK if weak else 0


if __name__ == "__main__":
    sys.exit(main())
