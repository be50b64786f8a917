# SPDX-License-Identifier: Apache-2.0
"""Writes what was measured: results.json, table.md and the plots."""

import json
import subprocess
from pathlib import Path

from cases import KIB, MIB, size_text


def write_json(folder, machine, results, rows):
    document = {"machine": machine, "rows": [row.as_object() for row in rows],
                "measurements": [m.as_object() for m in results.measurements.values()],
                "not_measured": results.missing}
    (folder / "results.json").write_text(json.dumps(document, indent=1) + "\n")


def wanted_text(row):
    return "" if row.wanted is None else f"{row.wanted[0]} {row.wanted[1]:g}"


def number(ratio):
    return "" if ratio is None else f"{ratio:.2f}"


def table_lines(machine, rows):
    yield f"{machine['date']}, {machine['cpu']}, {machine['cores']} cores; others used {machine['others_percent']} % of them " \
          f"before the run, load {machine['load_before']} before and {machine['load_after']} after; UCX {machine['ucx']}, " \
          f"nats.c {machine['nats_c']}, {machine['nats_server']}, NIXL {machine['nixl']}, baton {machine['baton']}; " \
          f"{machine['rounds']} rounds{', fewer for some groups, since the time was over' if machine['is_cut'] else ''}"
    group = None
    for row in rows:
        if row.group != group:
            group = row.group
            yield ""
            yield f"| {group} | reach | ratio | of the best rounds | | medians |"
            yield "|---|---|---|---|---|---|"
        yield f"| {row.what} | {wanted_text(row)} | {number(row.got)} | {number(row.best)} | {row.verdict()} | {row.detail} |"


def write_table(folder, machine, rows):
    (folder / "table.md").write_text("\n".join(table_lines(machine, rows)) + "\n")


PLOT = """set terminal svg size 900,420 font "sans,13" background "white"
set output "{output}"
set title "{title}"
set style data histogram
set style histogram errorbars gap 1 lw 1
set style fill solid 0.8 border -1
set ylabel "{unit}"
set yrange [0:*]
set grid ytics
set key outside right
set datafile missing "-"
plot {plots}
"""


def plot(folder, name, title, unit, columns, lines):
    """lines: (label, [(median, low, high) or None for each column])"""
    if all(value is None for _, values in lines for value in values):
        return  # nothing of it was measured
    data = folder / f"{name}.dat"
    with data.open("w") as out:
        for label, values in lines:
            cells = " ".join("- - -" if v is None else f"{v[0]:.4f} {v[1]:.4f} {v[2]:.4f}" for v in values)
            out.write(f'"{label}" {cells}\n')
    plots = ", ".join(f'"{data}" using {2 + 3 * i}:{3 + 3 * i}:{4 + 3 * i}:xtic(1) title "{column}"'
                      for i, column in enumerate(columns))
    script = PLOT.format(output=folder / f"{name}.svg", title=title, unit=unit, plots=plots)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)
    data.unlink()


WHO = ("raw", "app", "thread", "nixl-application")
NAMES = ("raw UCX", "baton, application", "baton, owner thread", "NIXL")


def spread(results, name, field):
    found = results.get(name)
    return None if found is None else (found.median(field), *found.quartiles(field))


def rates(results, name):
    """GB/s of one in flight: size through the median latency."""
    found = spread(results, name, "p50_us")
    if found is None:
        return None
    size = results.get(name).samples[0]["size_bytes"] / 1e3
    return size / found[0], size / found[2], size / found[1]


def write_plots(folder, results):
    for link in ("shm", "tcp"):
        lines = [(f"{op} {size_text(size)}", [rates(results, f"{who}/{link}/{op}/{size_text(size)}/d1") for who in WHO])
                 for op in ("read", "write") for size in (MIB, 64 * MIB)]
        plot(folder, f"bandwidth-{link}", f"Bandwidth over {link}, one in flight (median, quartiles)", "GB/s", NAMES, lines)
    lines = [(f"{link} {op}", [spread(results, f"{who}/{link}/{op}/4KiB/d1", "p50_us") for who in WHO])
             for link in ("shm", "tcp") for op in ("read", "write")]
    plot(folder, "latency", "Latency of 4 KiB (median of p50, quartiles)", "us", NAMES, lines)
    lines = [(f"{link}, {progress}", [spread(results, f"handoff-{progress}/{link}", field)
                                      for field in ("p50_us", "ping_p50_us", "request_p50_us", "p99_us", "ping_p99_us", "request_p99_us")])
             for link in ("shm", "tcp") for progress in ("application", "thread")]
    plot(folder, "handoff", "Whole hand-off of 4 KiB and NATS requests between the same processes", "us",
         ("hand-off p50", "ping p50", "SendAsap p50", "hand-off p99", "ping p99", "SendAsap p99"), lines)
    lines = [(size_text(size), [rates(results, f"{who}/{size_text(size)}") for who in ("map-application", "map-thread", "map-raw")]
              + [rates(results, f"map-raw/{size_text(size)}:memcpy")]) for size in (MIB, 64 * MIB)]
    plot(folder, "map", "Reads that map a pool (median, quartiles)", "GB/s",
         ("baton, application", "baton, owner thread", "raw rkey_ptr", "memcpy"), lines)


def write_all(folder, machine, results, rows):
    folder = Path(folder)
    write_json(folder, machine, results, rows)
    write_table(folder, machine, rows)
    write_plots(folder, results)
