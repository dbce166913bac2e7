"""What every client does with the server in every era it speaks, and what must come of it.

    conversation.py PROGRAM INSTALLED

A line for each check of each client; exit code 1 if one fails. INSTALLED is where `run` has put the clients.
"""

import json
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from jsonschema import Draft202012Validator
from session import Inspector, Lines, Server

LEGACY, MODERN = "2025-11-25", "2026-07-28"
ERAS = {"legacy": LEGACY, "auto": MODERN, "modern": MODERN}
HINTS = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"]
STRATEGY = {"primary": "id", "id_form": "prefix:cust_", "source": "the customers table of the shop"}
# Whom a human has to be asked about: three people, whose number is to be typed.
APPROVALS = '[workspaces.sandbox.policy.tools]\ndelete_segment = "approve"\n'
SEGMENT, MEMBERS = {"segment_id": 2}, ["cust_0002", "cust_0005", "cust_0006"]
# A call that would take so long is cancelled, and must have ended soon after.
WAIT_SECONDS, NOTICES_WITHIN_SECONDS = 40, 10


class Report:
    def __init__(self):
        self.passed = self.failed = 0

    @contextmanager
    def check(self, who, what):
        try:
            yield
        except Exception as error:  # Whatever goes wrong is what the check is for.
            self.failed += 1
            print(f"not ok {who}: {what}: {type(error).__name__}: {error}", flush=True)
        else:
            self.passed += 1
            print(f"ok {who}: {what}", flush=True)


def holds(condition, shown):
    if not condition:
        raise AssertionError(shown)


def same(got, expected):
    holds(got == expected, f"got {got!r}, not {expected!r}")


class Visit:
    """A client and its checks."""

    def __init__(self, report, who, era, client, server):
        self.report, self.who, self.era, self.client, self.server = report, who, era, client, server
        self.schemas = {}

    def check(self, what):
        return self.report.check(self.who, what)

    def answer(self, tool, arguments):
        """The answer to a call that must succeed: the same in both places, and as the tool's schema says."""
        heard = self.client.call(tool, arguments)
        holds("result" in heard and not heard["result"].get("isError"), heard)
        [block] = heard["result"]["content"]
        answer = heard["result"]["structuredContent"]
        same(json.loads(block["text"]), answer)
        Draft202012Validator(self.schemas[tool]).validate(answer)
        return answer

    def refusal(self, tool, arguments):
        """The refusal of a call: an error of the tool, whose text says what is wrong."""
        heard = self.client.call(tool, arguments)
        holds(heard.get("result", {}).get("isError") is True, heard)
        [block] = heard["result"]["content"]
        refusal = json.loads(block["text"])
        holds({"error", "message", "safe_to_retry"} <= refusal.keys(), refusal)
        return refusal

    def greets(self, tools):
        greeting = {}
        with self.check(f"agrees on {ERAS[self.era]}"):
            greeting = self.client.greeting()
            same(greeting["version"], ERAS[self.era])
        with self.check("is told the order of work"):
            # A client that takes the revision for granted need not ask whom it speaks to.
            taken_for_granted = self.era == "modern" and greeting["instructions"] is None
            holds(taken_for_granted or "Order of work" in greeting["instructions"], greeting["instructions"])
        with self.check(f"lists the {len(tools)} tools that the program lists"):
            same([tool["name"] for tool in greeting["tools"]], [tool["name"] for tool in tools])
            same(greeting["tools"], tools)
        with self.check("finds a title, four hints and an output schema on every tool"):
            for tool in greeting["tools"]:
                holds(tool["title"] and tool["outputSchema"]["type"] == "object", tool)
                holds(all(type(tool["annotations"][hint]) is bool for hint in HINTS), tool)
        self.schemas = {tool["name"]: tool["outputSchema"] for tool in greeting.get("tools", [])}

    def works(self):
        """What a newcomer does first."""
        with self.check("reads the guardrails"):
            guardrails = self.answer("get_guardrails", {})
            same((guardrails["workspace"], guardrails.get("identity")), ("sandbox", None))
        with self.check("is refused what needs an identity strategy"):
            refusal = self.refusal("identify_customer", {"id": "cust_9001"})
            same(refusal["error"], "identity_strategy_required")
        with self.check("declares one"):
            declared = self.answer("declare_identity_strategy", STRATEGY)["declared"]
            same(declared["id_form"], STRATEGY["id_form"])
        with self.check("makes a test profile"):
            person = {"id": "cust_9001", "attributes": {"first_name": "Ada"}, "test": True}
            made = self.answer("identify_customer", person)
            same((made["result"], made["action"], made["customer"]["id"]), ("applied", "created", "cust_9001"))
        with self.check("looks at a customer"):
            customer = "cust_9001" if self.client.lasts else "cust_0001"
            same(self.answer("get_customer", {"customer": customer})["customer"]["id"], customer)
        with self.check("sends a message"):
            sent = self.answer("send_transactional", {"template": "welcome", "customer": "cust_0001"})
            holds(sent["state"] == "queued" and sent["delivery_id"], sent)
        with self.check("is told which argument is unknown"):
            refusal = self.refusal("get_customer", {"customer": "cust_0001", "verbose": True})
            same((refusal["error"], refusal["field"]), ("invalid_argument", "verbose"))
        with self.check("is told that there is no such tool"):
            same(self.client.call("get_weather", {}).get("code"), self.client.unknown_tool)

    def waits(self):
        """What takes a while: the progress of it, and an end before its time."""
        with self.check("deletes test profiles by their plan"):
            self.answer("declare_identity_strategy", STRATEGY)
            for number in range(3):
                self.answer("identify_customer", {"id": f"cust_900{number}", "test": True})
            everybody = {"only_expired": False}
            token = self.refusal("delete_test_customers", everybody)["details"]["plan_token"]
            same(self.answer("delete_test_customers", {**everybody, "plan_token": token})["deleted"], 3)
            # So quick that some clients read the notes together with the answer, and then drop them.
            same(self.server.progress(), [(1, 3), (2, 3), (3, 3)])
        with self.check("sees the progress of a call"):
            tomorrow = {"template": "welcome", "customer": "cust_0001", "send_at": int(time.time()) + 86_400}
            delivery = self.answer("send_transactional", tomorrow)["delivery_id"]
            heard = self.client.call("get_delivery", {"delivery_id": delivery, "wait_seconds": 2})
            steps = [note["progress"] for note in heard["progress"]]
            holds(steps and steps == sorted(set(steps)), steps)
            same({(note["total"], note["message"]) for note in heard["progress"]}, {(2, "queued")})
        with self.check("cancels a call"):
            waiting = {"delivery_id": delivery, "wait_seconds": WAIT_SECONDS}
            same(self.client.call("get_delivery", waiting, cancel=True), {"cancelled": True})
            give_up = time.monotonic() + NOTICES_WITHIN_SECONDS
            # The call before has left a record too.
            while len(self.answer("list_audit", {"tool": "get_delivery"})["records"]) < 2:
                holds(time.monotonic() < give_up, f"the call was still running after {NOTICES_WITHIN_SECONDS} s")
                time.sleep(0.05)

    def asks(self):
        """A human's approval: declined, cancelled, given with a wrong number, given."""

        def deletion(*answers):
            heard = self.client.call("delete_segment", SEGMENT, answers=list(answers))
            [block] = heard["result"]["content"]
            return json.loads(block["text"]), heard["asked"]

        def accept(people):
            return {"action": "accept", "content": {"approve": True, "people": people}}

        with self.check("is asked for an approval, and cancels: nothing is decided"):
            self.answer("declare_identity_strategy", STRATEGY)
            self.answer("add_to_segment", {"segment_id": 2, "customers": MEMBERS})
            refusal, [question] = deletion({"action": "cancel"})
            holds("3 people" in question["message"] and '{"segment_id":2}' in question["message"], question)
            same(sorted(question["form"]["properties"]), ["approve", "people"])
            same(refusal["error"], "approval_required")
        with self.check("approves another number of people: nothing is decided"):
            refusal, [_] = deletion(accept(4))
            same(refusal["error"], "approval_required")
            waits = self.answer("list_approvals", {})["approvals"]
            same([one["state"] for one in waits], ["pending"])
        with self.check("approves, and the call runs"):
            answer, [_] = deletion(accept(3))
            same((answer["result"], answer["customers"]), ("applied", 3))
            same([one["state"] for one in self.answer("list_approvals", {})["approvals"]], ["spent"])
        with self.check("declines, and the call does not run, nor is anybody asked again"):
            made = self.answer("create_segment", {"name": "Approvals"})
            segment = {"segment_id": made["segment_id"]}
            for answers in [[{"action": "decline"}], []]:
                heard = self.client.call("delete_segment", segment, answers=answers)
                same(len(heard["asked"]), len(answers))
                same(json.loads(heard["result"]["content"][0]["text"])["error"], "approval_denied")
            self.answer("get_segment", segment)

    def ends(self):
        with self.check("ends without a complaint"):
            same(self.client.close(), [])
        with self.check("leaves a server that said nothing but protocol and ended by itself"):
            same(list(self.server.faults()), [])


def listed_by(program, toolset):
    listing = [program, "tools", "list", "--toolsets", toolset, "--json"]
    return json.loads(subprocess.run(listing, check=True, capture_output=True, text=True).stdout)["tools"]


def meet(report, client, era, kind, command, program, work):
    """Two sessions: a newcomer's with the default tools, and one with all of them. Where a person can be asked, a third."""
    policy = work / "approvals.toml"
    policy.write_text(APPROVALS)
    approving = ["--toolsets", "all", "--config", str(policy)]
    sessions = [("core", "core", []), ("all", "all", ["--toolsets", "all"]), ("approvals", "all", approving)]
    for session, toolset, choice in sessions if kind.asks else sessions[:2]:
        folder = work / f"{client}-{era}-{session}"
        # Where calls do not share a process they share what the server remembers.
        data = [] if kind.lasts else ["--data", str(folder / "data")]
        server = Server(program, folder, [*choice, *data])
        visit = Visit(report, f"{client} {era} {session}", era, kind(command, era, server, folder), server)
        visit.greets(listed_by(program, toolset))
        if visit.schemas and session == "approvals":
            visit.asks()
        elif visit.schemas and session == "core":
            visit.works()
        elif visit.schemas and kind.lasts:
            visit.waits()
        visit.ends()


def main(program, installed):
    program, installed = str(Path(program).resolve()), Path(installed).resolve()
    node = str(installed / "node_modules/.bin/node")
    clients = [
        ("python", Lines, [sys.executable, str(Path(__file__).with_name("python.py"))], ERAS),
        ("typescript-v1", Lines, [node, str(installed / "typescript_v1.mjs")], ["legacy"]),
        ("typescript-v2", Lines, [node, str(installed / "typescript_v2.mjs")], ERAS),
        ("inspector", Inspector, [node, str(installed / "node_modules/.bin/mcp-inspector")], ERAS),
    ]
    work = installed / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    report = Report()
    for name, kind, command, eras in clients:
        for era in eras:
            meet(report, name, era, kind, command, program, work)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
