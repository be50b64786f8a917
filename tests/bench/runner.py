# SPDX-License-Identifier: Apache-2.0
"""Runs the programs of the benchmark suite in interleaved rounds and keeps what they print.

A case is one way to do one thing, such as a read of 1 MiB over shared memory by baton. Cases that are compared form a
group. In each round every case of a group runs once, one after the other, in processes of its own: so all of
them see the same machine, and what disturbs a round disturbs all of them. A case that fails is reported with its
reason, and the suite goes on; what it was needed for is then not measured.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time

CASE_TIMEOUT_S = 120
# A program ends with the suite, also when that is killed.
WITH_US = ["setpriv", "--pdeathsig", "KILL", "--"]


class Failure(Exception):
    """A program of the suite ended with an error or said nothing."""


def run_program(arguments, environment=None, timeout_s=CASE_TIMEOUT_S):
    """Runs one program in a process group of its own and returns what it printed. Ends all that it started.

    Not in a session of its own: where the kernel groups tasks by session (sched_autogroup_enabled), a program that yields would yield to
    nobody outside of it, and to the NATS server least of all.
    """
    settings = {**os.environ, "UCX_WARN_UNUSED_ENV_VARS": "n", **(environment or {})}
    process = subprocess.Popen([*WITH_US, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=settings, text=True, process_group=0)
    try:
        output, errors = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as late:
        raise Failure(f"not over after {timeout_s} s") from late
    finally:
        end_group(process)
    if process.returncode != 0:
        words = errors.strip().splitlines()
        raise Failure(words[-1] if words else f"exit status {process.returncode}")
    return output


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def objects_of(output):
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


class Case:
    """name: unique in the suite. run: a function without arguments that returns the objects that were printed."""

    def __init__(self, name, run):
        self.name = name
        self.run = run


def program_case(name, arguments, environment=None):
    return Case(name, lambda: objects_of(run_program([str(a) for a in arguments], environment)))


class Measurement:
    """All samples of one kind of object that a case printed, one for each round."""

    def __init__(self, name):
        self.name = name
        self.samples = []

    def fields(self):
        return [key for key, value in self.samples[0].items()
                if isinstance(value, (int, float)) and not isinstance(value, bool)]

    def median(self, field):
        return statistics.median(sample[field] for sample in self.samples)

    def best(self, field):
        """Of the rounds: the highest rate, the smallest of everything else."""
        choose = max if field == "gb_per_s" else min
        return choose(sample[field] for sample in self.samples)

    def quartiles(self, field):
        values = sorted(sample[field] for sample in self.samples)
        if len(values) < 2:
            return values[0], values[0]
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return low, high

    def as_object(self):
        constant = {key: value for key, value in self.samples[0].items() if key not in self.fields()}
        values = {}
        for field in self.fields():
            low, high = self.quartiles(field)
            values[field] = {"median": self.median(field), "best": self.best(field), "low": low, "high": high,
                             "rounds": [sample[field] for sample in self.samples]}
        return {"name": self.name, **constant, "values": values}


class Results:
    """What was measured, by name, and why something was not."""

    def __init__(self):
        self.measurements = {}
        self.missing = {}
        self.is_cut = False  # some groups had less rounds than planned

    def run_group(self, title, cases, rounds, deadline=float("inf")):
        """After the deadline (of time.monotonic) no further round begins; the first one always runs."""
        begin = time.monotonic()
        alive = list(cases)
        for number in range(rounds):
            if number > 0 and time.monotonic() > deadline:
                self.is_cut = True
                break
            for case in list(alive):
                try:
                    found = case.run()
                    if not found:
                        raise Failure("it printed nothing")
                except Failure as failure:
                    self.missing[case.name] = str(failure)
                    alive.remove(case)
                    print(f"bench: {case.name}: {failure}", file=sys.stderr)
                    continue
                self.add(case.name, found)
        print(f"  {title} ({time.monotonic() - begin:.1f} s)", flush=True)

    def add(self, name, found):
        """The first object under the name of the case, others under name:type."""
        for place, sample in enumerate(found):
            key = name if place == 0 else f"{name}:{sample['type']}"
            self.measurements.setdefault(key, Measurement(key)).samples.append(sample)

    def get(self, name):
        """None if it was not measured, or failed in a later round."""
        if name.split(":")[0] in self.missing:
            return None
        return self.measurements.get(name)

    def why(self, name):
        return self.missing.get(name.split(":")[0], "not part of this run")
