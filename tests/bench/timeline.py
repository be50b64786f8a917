# SPDX-License-Identifier: Apache-2.0
"""Where the time of a hand-off goes: a table from the notes of timeline.c.

    timeline.py PREFIX    reads PREFIX.<pid> of both processes; the origin is the one that offers

Each hand-off begins with `offer` and ends with `wait returns`. Of each kind of note the first of a hand-off counts. The table
has those that are in nine of ten hand-offs, by the median of their time since `offer`; `step` is the median of the time since
the one above, in the same hand-off.
"""

import glob
import statistics
import struct
import sys

NOTE = struct.Struct("<Q24s")


def read_notes(path):
    with open(path, "rb") as file:
        data = file.read()
    notes = []
    for now, what in NOTE.iter_unpack(data[:len(data) // NOTE.size * NOTE.size]):
        if now != 0:
            notes.append((now, what.rstrip(b"\0").decode()))
    return sorted(notes)


def windows_of(origin):
    begin = None
    for now, what in origin:
        if what == "offer":
            begin = now
        elif what == "wait returns" and begin is not None:
            yield begin, now
            begin = None


def first_notes(sides, begin, end):
    """{(side, what): ns since begin}"""
    found = {}
    for side, notes in sides.items():
        for now, what in notes.between(begin, end):
            if side == "consumer" and what.endswith("COMMIT") and (side, "send OPEN") not in found:
                continue  # that of the hand-off before
            found.setdefault((side, what), now - begin)
    return found


class Notes:
    """Notes in order, with a place that only goes on: windows come in order too."""

    def __init__(self, notes):
        self.notes = notes
        self.at = 0

    def between(self, begin, end):
        while self.at < len(self.notes) and self.notes[self.at][0] < begin:
            self.at += 1
        i = self.at
        while i < len(self.notes) and self.notes[i][0] <= end:
            yield self.notes[i]
            i += 1


def main():
    files = [read_notes(path) for path in glob.glob(sys.argv[1] + ".*")]
    files = [notes for notes in files if notes]
    is_origin = [any(what == "offer" for _, what in notes) for notes in files]
    if len(files) != 2 or sum(is_origin) != 1:
        sys.exit("timeline: the notes of one origin and one consumer are needed")
    origin = files[is_origin.index(True)]
    sides = {"origin": Notes(origin), "consumer": Notes(files[is_origin.index(False)])}
    windows = list(windows_of(origin))
    windows = windows[len(windows) // 10:]  # without the warm-up
    handoffs = [first_notes(sides, begin, end) for begin, end in windows]
    keys = {key for found in handoffs for key in found}
    common = [key for key in keys if sum(key in found for found in handoffs) >= 0.9 * len(handoffs)]
    common.sort(key=lambda key: statistics.median(found[key] for found in handoffs if key in found))
    print(f"{len(handoffs)} hand-offs, times in us: medians\n")
    print("| since offer | step | side | what |\n|---|---|---|---|")
    before = None
    for key in common:
        at = statistics.median(found[key] for found in handoffs if key in found) / 1e3
        steps = [found[key] - found[before] for found in handoffs if before in found and key in found] if before else [0]
        print(f"| {at:.1f} | {statistics.median(steps) / 1e3:.1f} | {key[0]} | {key[1]} |")
        before = key


main()
