"""Counts the tests in a file of Bazel's build events (JSON lines): prints "PASSED FAILED"."""

import json
import sys

tests = set()
status = {}
for line in open(sys.argv[1], encoding="utf-8"):
    event = json.loads(line)
    id = event["id"]
    if "targetConfigured" in id and "testSize" in event.get("configured", {}):
        tests.add(id["targetConfigured"]["label"])
    if "testSummary" in id:
        status[id["testSummary"]["label"]] = event.get("testSummary", {}).get("overallStatus")
passed = {label for label in status if status[label] == "PASSED"}
print(len(passed), len((tests | status.keys()) - passed))
