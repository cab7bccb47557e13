"""Counts the tests in a file of Bazel's build events (JSON lines): prints "PASSED FAILED", then what failed.

A line for each: its label and, tab-separated, its log if it ran.
"""

import json
import sys

tests = set()
status = {}
logs = {}
for line in open(sys.argv[1], encoding="utf-8"):
    event = json.loads(line)
    id = event["id"]
    if "targetConfigured" in id and "testSize" in event.get("configured", {}):
        tests.add(id["targetConfigured"]["label"])
    if "testSummary" in id:
        label = id["testSummary"]["label"]
        summary = event.get("testSummary", {})
        status[label] = summary.get("overallStatus")
        logs[label] = [f["uri"].removeprefix("file://") for f in summary.get("failed", [])]
passed = {label for label in status if status[label] == "PASSED"}
failed = (tests | status.keys()) - passed
print(len(passed), len(failed))
for label in sorted(failed):
    print(label, *logs.get(label, [])[:1], sep="\t")
