"""Starts a server, asks it everything once, and lets schemathesis ask it all else."""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from walk import walk
from world import Receiver, Server

SCHEMATHESIS, KEFU = sys.argv[1], sys.argv[2]
SECONDS, SEED = int(os.environ.get("SCHEMA_SECONDS", "25")), os.environ.get("SCHEMA_SEED", "6")
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance", "response_schema_conformance"]
# What would end what the other operations need, or the very rights that a run goes by: a run of its own at the end, with names of its own.
LAST = {"erase-visitor", "delete-webhook", "revoke-signing-key", "revoke-api-key", "rotate-key", "remove-agent", "change-person", "set-role",
        "revoke-log-in", "revoke-other-log-ins", "revoke-log-ins-of-person", "change-password"}
# What no run asks at random; the walk does.
NEVER = {"log-out"}  # nobody would be let in any more
# What nothing here has answered with success, and why. A route that is new has its place in the walk.
WITHOUT = {}


class Runs:
    """Runs of schemathesis against a server; good has the operations that they were answered with success."""

    def __init__(self, server, walked, receiver, folder):
        self.server, self.walked, self.receiver, self.folder = server, walked, receiver, folder
        self.ids = {"%s %s" % (method.upper(), path): operation for operation, (method, path, _) in walked.operations.items()}
        self.good = set()

    def configuration(self, names):
        """The file that gives paths their names, and bodies what no chance finds, three times in four."""
        known = {"url": self.receiver.base + "/fuzzed", "since": names["delivery"]}
        lines = ["[generation]", "with-security-parameters = false", "[dictionaries]"] + ["%s = { values = [%s] }" % (name, json.dumps(value)) for name, value in known.items()]
        lines += ["[parameters]"] + ['"body.%s" = { dictionary = "%s", probability = 0.75 }' % (name, name) for name in known]
        lines += ['"path.%s" = %s' % (name, json.dumps(value)) for name, value in names.items()]
        file = pathlib.Path(self.folder) / "schemathesis.toml"
        file.write_text("\n".join(lines) + "\n")
        return str(file)

    def opened(self, way):
        """The operations that a way in opens: the others would refuse each time."""
        return {one for one, (_, _, said) in self.walked.operations.items() if not said.get("security") or any(way in ways for ways in said["security"])}

    def run(self, what, way, rate, operations, names, seconds):
        """One run; answers whether it found nothing."""
        print("== by " + what, flush=True)
        operations, report = operations & self.opened(way), os.path.join(self.folder, "run.ndjson")
        nameless = {name for one in operations for name in re.findall(r"\{(\w+)\}", self.walked.operations[one][1])} - set(names)
        if nameless:
            raise SystemExit("the walk has left nothing that these names of paths could be: %s" % sorted(nameless))
        command = [SCHEMATHESIS, "--config-file", self.configuration(names), "run", self.server.base + "/api/v1/openapi.json", "--checks", ",".join(CHECKS),
                   "--phases", "examples,coverage,fuzzing", "--max-time", str(seconds), "--seed", SEED, "--no-color", "--warnings", "off", "--suppress-health-check", "all",
                   "--request-timeout", "20", "--workers", "1", "--rate-limit", rate, "--report", "ndjson", "--report-ndjson-path", report]
        for name, value in self.walked.ways[way].items():
            command += ["--header", name + ":" + value]
        for operation in sorted(operations):
            command += ["--include-operation-id", operation]
        found_nothing = subprocess.run(command, cwd=self.folder, check=False).returncode == 0
        good = self.let_in(report) and found_nothing
        self.walked.ask({"api-key": "get-own-api-key", "log-in": "get-me"}[way])  # the run has not ended its own rights
        return good

    def let_in(self, report):
        """Whether a run had success where not everybody has: one that nobody lets in finds nothing."""
        statuses = collections.defaultdict(collections.Counter)
        with open(report) as lines:
            for line in lines:
                scenario = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
                for one in scenario.get("interactions", {}).values():
                    if one.get("response"):
                        statuses[self.ids[scenario["label"]]][one["response"]["status_code"]] += 1
        good = {name for name, seen in statuses.items() if any(200 <= status < 300 for status in seen)}
        print("%d of %d operations were answered with success; answers: %s" % (len(good), len(statuses), dict(sum(statuses.values(), collections.Counter()))))
        print("only refused: " + ", ".join(sorted(set(statuses) - good)))
        self.good |= good
        return any(self.walked.operations[name][2].get("security") for name in good)


def main():
    receiver = Receiver()
    with tempfile.TemporaryDirectory(prefix="kefu-schema-") as folder:
        server = Server(KEFU, os.path.join(folder, "data"))
        try:
            walked, doomed = walk(server.base, server.link.get(timeout=60), receiver, CHECKS)
            runs = Runs(server, walked, receiver, folder)
            most, last = set(walked.operations) - LAST - NEVER, {**walked.names, **doomed}
            good = [not walked.wrong,
                    runs.run("an API key", "api-key", "150/s", most, walked.names, SECONDS),
                    runs.run("the owner", "log-in", "25/s", most, walked.names, SECONDS),
                    runs.run("the owner, at last", "log-in", "25/s", LAST, last, max(SECONDS // 3, 5))]
        finally:
            server.stop()
            receiver.stop()
        without = set(walked.operations) - walked.reached - runs.good - set(WITHOUT)
        print("%d of %d operations were answered with success when each was asked once, %d when asked at random" % (len(walked.reached), len(walked.operations), len(runs.good)))
        for one in walked.wrong + ["%s: never answered with success" % one for one in sorted(without)]:
            print("wrong: " + one)
        if not all(good) or without:
            print("".join(line for line in server.log if "ERROR" in line or "panic" in line)[-8000:])
            sys.exit(1)


if __name__ == "__main__":
    main()
