from __future__ import annotations


def run(arguments):
    print("hello", arguments)
    return 0
