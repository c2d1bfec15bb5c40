"""Asks each operation once so that it succeeds, and holds the answer to the document: much
of that no chance would find. What it leaves behind is what the fuzzing then names."""

import base64
import hashlib
import hmac
import json
import struct
import time
import uuid
import zlib

import requests
import schemathesis
from schemathesis import checks
from schemathesis.core.failures import FailureGroup

PASSWORD = "correct horse battery"
SCOPES = ["read", "write", "people", "push", "broadcast", "legacy"]


class Walk:
    """Asks operations by their ids; reached has those that succeeded, wrong what was wrong with answers."""

    def __init__(self, base, wanted):
        self.base, self.ways, self.names = base, {}, {}
        self.reached, self.wrong = set(), []
        self.document = schemathesis.openapi.from_url(base + "/api/v1/openapi.json")
        checks.load_all_checks()
        self.checks = [one for one in checks.CHECKS.get_all() if one.__name__ in wanted]
        raw = self.document.raw_schema["paths"]
        self.operations = {one["operationId"]: (method, path, one) for path, methods in raw.items() for method, one in methods.items()}

    def ask(self, operation, body=None, headers=None, query=None, **names):
        """Answers what an operation answers, which must be a success. It goes by the first way that opens the operation and is there, unless headers say more."""
        said = self.operations[operation][2]
        way = next((self.ways[one] for ways in said.get("security", []) for one in ways if one in self.ways), {})
        found = self.document.find_operation_by_id(operation)
        case = found.Case(path_parameters={one.name: {**self.names, **names}[one.name] for one in found.path_parameters}, query=query or {}, headers={**way, **(headers or {})})
        if body is not None:
            case.body, case.media_type = body, next(iter(said["requestBody"]["content"]))
        answer = case.call(timeout=20)
        if not 200 <= answer.status_code < 300:
            raise SystemExit("%s was answered with %d: %s" % (operation, answer.status_code, answer.text))
        self.reached.add(operation)
        try:
            case.validate_response(answer, checks=self.checks)
        except FailureGroup as failures:
            self.wrong += ["%s: %s" % (operation, one) for one in failures.exceptions]
        self.cookie = answer.headers.get("set-cookie", [""])[0].split(";")[0]
        return answer.json() if "application/json" in answer.headers.get("content-type", [""])[0] else {}

    def write(self, number):
        """Has a new visitor write, by the door for networks that block WebSocket; answers its conversation."""
        known = {one["id"] for one in self.ask("list-conversations", query={"state": "all"})["conversations"]}
        frame = {"t": "send", "id": "0196f7c4-9d2e-7b1a-8c3d-%012d" % number, "text": "where is my parcel?"}
        secret = hashlib.sha256(b"visitor %d" % number).digest()
        headers = {"Authorization": "Bearer " + encoded(secret), "Kefu-Site": self.names["key"], "Origin": self.base}
        requests.post(self.base + "/stream/v1/visitor/frame", json=frame, headers=headers, timeout=20).raise_for_status()
        return next(one for one in self.ask("list-conversations", query={"state": "all"})["conversations"] if one["id"] not in known)


def walk(base, link, receiver, wanted):
    """Answers the walk, and the names of what is there to be ended by the last of the fuzzing."""
    w = Walk(base, wanted)
    begin(w, link)
    doomed = {}
    for part in (people, keys, sites, webhooks, conversations, broadcasts, visitors):
        doomed.update(part(w, receiver) or {})
    rest(w)
    return w, doomed


def begin(w, link):
    """The owner, a site, and an API key: the two ways in."""
    w.ask("get-setup")
    w.ask("set-up", {"secret": link, "name": "Olive", "email": "olive@example.com", "password": PASSWORD, "site": "Shop"})
    w.ways["log-in"] = {"Cookie": w.cookie}
    me = w.ask("get-me")
    w.names.update(agent=me["id"], site=me["sites"][0]["id"])
    w.names["key"] = w.ask("get-site")["key"]
    made = w.ask("make-api-key", {"name": "Fuzzer", "scopes": SCOPES})
    w.names["api_key"] = made["key"]["id"]
    w.ways["api-key"] = {"Authorization": "Bearer " + made["secret"]}


def people(w, _):
    """Somebody comes, and is sent away; somebody else may be sent away later."""
    w.ask("change-me", {"name": "Olive Owner"})
    made = w.ask("invite-person", {"name": "Pam", "email": "pam@example.com", "roles": [{"site": w.names["site"], "role": "agent"}]})
    pam, secret = made["person"]["id"], made["link"]["url"].split("#")[1]
    w.ask("look-at-link", {"secret": secret})
    w.ask("use-link", {"secret": secret, "password": PASSWORD})
    first = {"Cookie": w.cookie}
    for _ in range(2):
        w.ask("log-in", {"email": "pam@example.com", "password": PASSWORD})
    last = {"Cookie": w.cookie}
    other = next(one for one in w.ask("list-log-ins", headers=first)["log_ins"] if not one["current"])
    w.ask("revoke-log-in", headers=first, log_in=other["id"])
    w.ask("revoke-other-log-ins", headers=first)
    w.ask("change-password", {"old_password": PASSWORD, "new_password": PASSWORD + " staple"}, first)
    w.ask("log-out", headers=first)
    w.ask("set-role", {"role": "supervisor"}, agent=pam)
    w.ask("revoke-log-ins-of-person", agent=pam)
    w.ask("make-link", agent=pam)
    w.ask("remove-portrait", agent=pam)
    w.ask("change-person", {"name": "Pamela"}, agent=pam)
    w.ask("remove-agent", agent=pam)
    w.ask("add-agent", {"email": "pam@example.com", "role": "agent"})
    w.ask("log-in", {"email": "olive@example.com", "password": PASSWORD})
    return {"agent": pam, "log_in": next(one for one in w.ask("list-log-ins")["log_ins"] if not one["current"])["id"]}


def keys(w, _):
    """A key for applications, and for the website: a visitor for whom it vouches comes and goes."""
    spare = w.ask("make-api-key", {"name": "Spare", "scopes": ["read"]})["key"]["id"]
    w.ask("revoke-api-key", api_key=spare)
    w.ask("push", {"all": True, "payload": "{}"}, {"Idempotency-Key": "walk"})
    w.ask("make-ticket", {"door": "push", "name": "li-hua"})
    made = w.ask("make-signing-key")
    said = [{"alg": "HS256", "typ": "JWT", "kid": made["key"]["id"]}, {"aud": w.names["key"], "sub": "li-hua", "name": "Li Hua", "jti": str(uuid.uuid4()), "exp": int(time.time()) + 120}]
    signed = ".".join(encoded(json.dumps(part).encode()) for part in said)
    token = signed + "." + encoded(hmac.digest(made["secret"].encode(), signed.encode(), hashlib.sha256))
    page = {"Origin": w.base}
    came = w.ask("log-in-visitor", {"token": token, "exchange": encoded(hashlib.sha256(b"exchange").digest())}, page)
    page["Authorization"] = "Bearer " + came["log_in"]
    w.ask("make-own-push-ticket", headers=page)
    w.ask("log-out-visitor", headers=page)
    w.ask("revoke-signing-key", signing_key=made["key"]["id"])
    return {"api_key": w.ask("make-api-key", {"name": "Doomed", "scopes": ["read"]})["key"]["id"], "signing_key": w.ask("make-signing-key")["key"]["id"]}


def sites(w, _):
    """A site's settings, key and logo; and one's own portrait, for it is made likewise."""
    w.ask("make-site", {"name": "Second shop"})
    site = w.ask("change-site", {"version": w.ask("get-site")["version"], "name": "First shop"})
    w.names["key"] = w.ask("rotate-key", {"version": site["version"]})["key"]
    w.ask("put-logo", picture())
    w.ask("remove-logo")
    w.ask("put-my-portrait", picture())
    w.ask("get-portraits", query={"agents": w.names["agent"]})
    w.ask("remove-my-portrait")


def webhooks(w, receiver):
    """One that has sent something, one that is deleted, and one that may be."""
    content = {"name": "Orders", "url": receiver.base + "/told", "types": ["message.created", "round.assigned"], "on": True}
    w.names["webhook"] = w.ask("make-webhook", content)["webhook"]["id"]
    w.ask("change-webhook", {**content, "name": "Parcels"})
    w.ask("rotate-webhook-secret")
    w.ask("resume-webhook")
    conversation = w.write(1)["id"]
    w.ask("assign-round", {"as": {"agent": w.names["agent"]}, "agent": w.names["agent"]}, conversation=conversation)
    for _ in range(2):  # what comes second is sent when the first stands in the log
        receiver.came.get(timeout=30)
    w.names["delivery"] = w.ask("list-webhook-deliveries")["deliveries"][-1]["id"]
    w.ask("replay-webhook-delivery")
    w.ask("replay-webhook", {"since": w.names["delivery"]})
    w.ask("ping-webhook")
    content["url"] = receiver.base + "/doomed"
    w.ask("delete-webhook", webhook=w.ask("make-webhook", content)["webhook"]["id"])
    return {"webhook": w.ask("make-webhook", content)["webhook"]["id"]}


def conversations(w, _):
    """A round from its beginning to its end, and another that stays open."""
    at, by = w.write(2)["id"], {"as": {"agent": w.names["agent"]}}
    w.ask("take-round", by, conversation=at)
    w.ask("send-message", {**by, "text": "It is on its way."}, conversation=at)
    w.ask("add-note", {**by, "text": "In Hamburg since Monday."}, conversation=at)
    w.ask("set-mark", {"agent": w.names["agent"], "received": 1, "read": 1}, conversation=at)
    w.ask("release-round", by, conversation=at)
    w.ask("resolve-round", by, conversation=at)
    w.names["conversation"] = w.write(3)["id"]


def broadcasts(w, _):
    """One that is announced, called back and made known; one that is deleted; one that is a draft still."""
    content = {"text": "news", "show": "message", "audience": {"kind": "all"}}
    w.ask("count-broadcast", {"audience": content["audience"]})
    for end in ("publish-broadcast", "delete-broadcast", None):
        made = w.ask("make-broadcast", content)
        version, named = made["version"], {"broadcast": made["id"]}
        version = w.ask("change-broadcast", {"version": version, "content": {**content, "text": "more news"}}, **named)["version"]
        version = w.ask("schedule-broadcast", {"version": version, "at": (int(time.time()) + 86400) * 1000}, **named)["version"]
        version = w.ask("withdraw-broadcast", {"version": version}, **named)["version"]
        if end == "delete-broadcast":
            w.ask(end, query={"version": version}, **named)
        elif end:
            w.ask(end, {"version": version}, **named)
    w.names["broadcast"] = made["id"]


def visitors(w, _):
    """What is known of one, who is then erased, twice with the same receipt; and one who may be."""
    gone = w.write(4)["visitor"]
    w.ask("tell-visitor", {"name": "Li Hua", "fields": {"plan": "pro"}}, visitor=gone)
    receipt = w.ask("erase-visitor", visitor=gone)
    if receipt["removed"]["rounds"] != 1 or w.ask("erase-visitor", visitor=gone) != receipt:
        w.wrong.append("erase-visitor: not the one receipt of the one round: %s" % receipt)
    w.names["visitor"] = w.ask("get-conversation")["visitor"]
    return {"visitor": w.write(5)["visitor"]}


def rest(w):
    """Whatever is only read, and needs nothing but names."""
    for operation, (method, _, said) in w.operations.items():
        if method == "get" and operation not in w.reached and not any(one["in"] == "query" and one.get("required") for one in said.get("parameters", [])):
            w.ask(operation)


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def picture():
    """A PNG of 64 × 64 white points."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    points = zlib.compress((b"\0" + b"\xff" * 64) * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)) + chunk(b"IDAT", points) + chunk(b"IEND", b"")
