"""Starts a server, fills it, and lets schemathesis ask it everything."""

import base64
import collections
import json
import os
import pathlib
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request

SCHEMATHESIS, KEFU = sys.argv[1], sys.argv[2]
SECONDS = os.environ.get("SCHEMA_SECONDS", "25")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance"
# What would end the very rights that the run goes by.
LEFT_OUT = ["log-out", "revoke-log-in", "revoke-other-log-ins", "revoke-log-ins-of-person", "revoke-api-key", "change-password", "remove-agent", "change-person", "set-role", "erase-visitor"]


def ask(base, method, path, body=None, headers=None):
    """Answers (the body as an object, the cookie) of one request."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, method=method, headers={"Content-Type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read()
        cookie = (answer.headers.get("Set-Cookie") or "").split(";")[0]
    return (json.loads(text) if text else {}), cookie


class Server:
    """A server with a folder of its own, until it is stopped."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        self.base = "http://" + self.address
        env = {k: v for k, v in os.environ.items() if not k.startswith("KEFU_")}
        self.process = subprocess.Popen([KEFU, "serve", "--listen", self.address, "--data", folder], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.log, self.link = [], queue.Queue()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.log = self.log[-2000:] + [line]
            found = re.search(r"/setup#(\S+)", line)
            if found:
                self.link.put(found.group(1))

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.reader.join(timeout=10)


def fill(base, link):
    """Makes what paths name; answers the ways in and the names."""
    _, cookie = ask(base, "POST", "/api/v1/setup", {"secret": link, "name": "Olive", "email": "olive@example.com", "password": "correct horse battery", "site": "Shop"})
    owner = {"Cookie": cookie}
    me, _ = ask(base, "GET", "/api/v1/me", headers=owner)
    site = me["sites"][0]["id"]
    root = "/api/v1/sites/" + site
    scopes = ["read", "write", "people", "push", "broadcast", "legacy"]
    key, _ = ask(base, "POST", root + "/api-keys", {"name": "Fuzzer", "scopes": scopes}, owner)
    bearer = {"Authorization": "Bearer " + key["secret"]}
    draft, _ = ask(base, "POST", root + "/broadcasts", {"text": "news", "show": "message", "audience": {"kind": "all"}}, bearer)
    widget, _ = ask(base, "GET", root, headers=owner)
    begin(base, widget["key"])
    found, _ = ask(base, "GET", root + "/conversations?state=all", headers=bearer)
    conversation, visitor = found["conversations"][0]["id"], found["conversations"][0]["visitor"]
    names = {"site": site, "agent": me["id"], "api_key": key["key"]["id"], "broadcast": draft["id"], "conversation": conversation, "visitor": visitor, "key": widget["key"]}
    return owner, bearer, names


def begin(base, widget):
    """Has a visitor write once, by the door for networks that block WebSocket."""
    secret = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    frame = {"t": "send", "id": "0196f7c4-9d2e-7b1a-8c3d-1f2e3d4c5b6a", "text": "where is my parcel?"}
    ask(base, "POST", "/stream/v1/visitor/frame", frame, {"Authorization": "Bearer " + secret, "Kefu-Site": widget, "Origin": base})


def configuration(names, folder):
    """The file that gives paths their names, three times in four."""
    lines = ["[generation]", "with-security-parameters = false", "[parameters]"] + ['"path.%s" = %s' % (name, json.dumps(value)) for name, value in names.items()]
    file = pathlib.Path(folder) / "schemathesis.toml"
    file.write_text("\n".join(lines) + "\n")
    return str(file)


def closed(base, way):
    """The operations that the way in does not open: they would be refused each time."""
    document, _ = ask(base, "GET", "/api/v1/openapi.json")
    operations = [one for path in document["paths"].values() for one in path.values()]
    return [one["operationId"] for one in operations if one.get("security") and not any(way in ways for ways in one["security"])]


def run(server, what, way, rate, headers, names, folder):
    """One run; answers whether it found nothing."""
    print("== by " + what, flush=True)
    command = [SCHEMATHESIS, "--config-file", configuration(names, folder), "run", server.base + "/api/v1/openapi.json", "--checks", CHECKS,
               "--phases", "examples,coverage,fuzzing", "--max-time", SECONDS, "--seed", "6", "--no-color", "--warnings", "off", "--suppress-health-check", "all",
               "--request-timeout", "20", "--workers", "1", "--rate-limit", rate, "--report", "ndjson", "--report-ndjson-path", os.path.join(folder, "run.ndjson")]
    for name, value in headers.items():
        command += ["--header", name + ":" + value]
    for operation in sorted({*LEFT_OUT, *closed(server.base, way)}):
        command += ["--exclude-operation-id", operation]
    good = subprocess.run(command, cwd=folder, check=False).returncode == 0
    return reached(os.path.join(folder, "run.ndjson")) and good


def reached(report):
    """Tells how many operations were answered with success: a run that nobody lets in finds nothing."""
    statuses = collections.defaultdict(collections.Counter)
    with open(report) as lines:
        for line in lines:
            scenario = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
            for one in scenario.get("interactions", {}).values():
                if one.get("response"):
                    statuses[scenario["label"]][one["response"]["status_code"]] += 1
    good = [name for name, seen in statuses.items() if any(200 <= status < 300 for status in seen)]
    print("%d of %d operations were answered with success; answers: %s" % (len(good), len(statuses), dict(sum(statuses.values(), collections.Counter()))))
    return len(good) > 0


def main():
    with tempfile.TemporaryDirectory(prefix="kefu-schema-") as folder:
        server = Server(os.path.join(folder, "data"))
        try:
            owner, bearer, names = fill(server.base, server.link.get(timeout=60))
            good = [run(server, "an API key", "api-key", "150/s", bearer, names, folder), run(server, "the owner", "log-in", "25/s", owner, names, folder)]
        finally:
            server.stop()
        if not all(good):
            print("".join(line for line in server.log if "ERROR" in line or "panic" in line)[-8000:])
            sys.exit(1)


if __name__ == "__main__":
    main()
