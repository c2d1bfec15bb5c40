"""Reads the suite's index.json; ends with "N passed, N failed" and, when a case
failed or suspiciously few ran, with status 1. Runs on Python 2.7 and 3."""
from __future__ import print_function

import json
import sys
from collections import Counter

ALL_CASES = 301  # in groups 1-7, 9, 10 of 25.10.1
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}


def main(path):
    with open(path) as f:
        cases = json.load(f)["kefu"]
    failed = sorted(
        name for name, c in cases.items()
        if c["behavior"] not in GOOD or c["behaviorClose"] not in GOOD
    )
    for name in failed:
        c = cases[name]
        print("FAILED case %s: %s, close %s (code %s)" % (
            name, c["behavior"], c["behaviorClose"], c.get("remoteCloseCode")))
    counts = Counter(c["behavior"] for c in cases.values())
    print("autobahn: " + ", ".join("%d %s" % (n, kind) for kind, n in sorted(counts.items())))
    missing = ALL_CASES - len(cases)
    if missing > 0:
        print("FAILED: %d of %d cases did not run" % (missing, ALL_CASES))
    print("%d passed, %d failed" % (len(cases) - len(failed), len(failed) + max(missing, 0)))
    return 1 if failed or missing > 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
