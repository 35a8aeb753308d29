"""From the report of `cargo lab grade --json` to Gradescope's results.json: one test for each exercise."""

import json
import sys


def test(exercise):
    lines = [f"{exercise['passed']} of {exercise['checks']} checks passed: {exercise['state']}"]
    lines += [f"{failure['check']}: {failure['text']}" for failure in exercise["failures"]]
    lines += [f"misconception met: {name}" for name in exercise["misconceptions"]]
    return {
        "name": exercise["slug"],
        "score": exercise["points"],
        "max_score": exercise["of"],
        "output": "\n".join(lines),
    }


report = json.load(sys.stdin)
submission = report["submissions"][0]
json.dump({"score": submission["points"], "tests": [test(e) for e in submission["exercises"]]}, sys.stdout, indent=2)
