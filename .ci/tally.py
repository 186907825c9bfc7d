"""Counts checks and tells of those that fail."""

import sys

failures, checked = [], 0


def check(what, holds, details=""):
    global checked
    checked += 1
    if not holds:
        failures.append(what)
        print(f"FAILED: {what}\n{str(details).strip()[:1500]}\n")


def finish(what):
    """Says how many checks passed, and ends the program."""
    print(f"{what}: {checked - len(failures)} of {checked} checks passed")
    sys.exit(bool(failures))
