"""Imports of many people and events through the tools, killed in the middle and resumed, beside a bare loop.

    imports.py PROGRAM [PEOPLE EVENTS]          by default 2,000 and 10,000
    imports.py PROGRAM 100000 1000000           some minutes

Makes the files, serves a sandbox, and speaks to the server as an MCP client does. Twice a server is killed with SIGKILL
while rows are on their way; another goes on by the handle. Then every row is looked for in the sandbox: it must be
there, once. The same rows go through a server that nobody kills, and through a bare loop over /api/v2/batch that has
its bodies ready. Exit code 1 if a row is missing or there twice, or if memory grows with the number of rows.
"""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

KEYS = ["--site-id", "site", "--tracking-key", "track", "--app-key", "app", "--cdp-key", "cdp"]
TRACK = {"Authorization": "Basic " + base64.b64encode(b"site:track").decode()}
APP = {"Authorization": "Bearer app"}
JSON = {"Content-Type": "application/json"}
# The vendor's limit on a batch.
BATCH_BYTES = 500_000
# What a server may need beyond that of a small import: batches on their way, and the hashes of rows of people.
MOST_GROWTH_MB = 64
BEGAN = 1_790_000_000


def person_id(number):
    return f"cust_{number:07}"


def write_files(folder, people, events):
    with open(folder / "people.csv", "w", newline="") as file:
        file.write("id,email,first_name,plan,town,created_at,row\n")
        for row in range(people):
            plan = "gold" if row % 10 == 0 else "free"
            file.write(
                f"{person_id(row)},user-{row}@shop.io,Person {row},{plan},town-{row // 10 % 20},{BEGAN - row},{row}\n"
            )
    with open(folder / "events.csv", "w", newline="") as file:
        file.write("customer,name,timestamp,order,total,express,row\n")
        for row in range(events):
            file.write(f"{person_id(row * 7_919 % people)},bulk_row,{BEGAN + row // 8},A-{row},{row % 1_000}.5,true,{row}\n")
    with open(folder / "few.csv", "w", newline="") as file:
        file.write("customer,name,timestamp,order,total,express,row\n")
        for row in range(min(events, 10_000)):
            file.write(f"{person_id(row * 7_919 % people)},few_rows,{BEGAN + row // 8},A-{row},{row % 1_000}.5,true,{row}\n")


def memory_mb(process, field="VmHWM"):
    """The most memory a process has had so far."""
    with open(f"/proc/{process.pid}/status") as status:
        found = [line for line in status if line.startswith(field + ":")]
    return int(found[0].split()[1]) / 1024


class Sandbox:
    # Those that run, so that none outlives this program.
    running = []

    def __init__(self, program):
        command = [program, "sandbox", "--listen", "127.0.0.1:0", "--seed", "1", *KEYS]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.running.append(self.process)
        self.address = self.process.stdout.readline().strip().rsplit("/", 1)[-1]

    def ask(self, method, path, headers=APP, body=None):
        body = None if body is None else json.dumps(body)
        connection = http.client.HTTPConnection(self.address)
        connection.request(method, path, body, {**headers, **JSON})
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        assert answer.status == 200, (path, answer.status, read[:200])
        return json.loads(read)

    def counts(self):
        return self.ask("GET", "/_sandbox/counts")

    def many(self, targets, method="GET", bodies=None):
        """Answers to many requests, asked several at a time over one connection."""
        host, port = self.address.split(":")
        with socket.create_connection((host, int(port))) as connection:
            reader = connection.makefile("rb")
            for begin in range(0, len(targets), 64):
                asked = targets[begin : begin + 64]
                lines = []
                for at, target in enumerate(asked):
                    body = b"" if bodies is None else bodies[begin + at]
                    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer app\r\n"
                    lines.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                connection.sendall(b"".join(lines))
                for _ in asked:
                    assert reader.readline().startswith(b"HTTP/1.1 200")
                    length = 0
                    while (line := reader.readline()) != b"\r\n":
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    yield json.loads(reader.read(length))

    def stop(self):
        self.process.kill()
        self.process.wait()


class Server:
    """A server over stdio, and what it has said of its progress."""

    def __init__(self, program, folder, data):
        command = [program, "serve", "--config", str(folder / "customerio-mcp.toml"), "--data", str(folder / data), "--toolsets", "all"]
        environment = {"HOME": str(folder), "TRACK_KEY": "track", "APP_KEY": "app"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self.answers, self.told, self.heard = {}, [], threading.Condition()
        self.reader = threading.Thread(target=self.listen, daemon=True)
        self.reader.start()
        self.asked = 0
        client = {"name": "imports", "version": "1"}
        self.wait(self.send("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}))
        self.write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def listen(self):
        for line in self.process.stdout:
            message = json.loads(line)
            with self.heard:
                if message.get("method") == "notifications/progress":
                    self.told.append((time.monotonic(), message["params"]))
                elif "id" in message:
                    self.answers[message["id"]] = message
                self.heard.notify_all()

    def write(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def send(self, method, params):
        self.asked += 1
        self.write({"jsonrpc": "2.0", "id": self.asked, "method": method, "params": params})
        return self.asked

    def wait(self, number):
        with self.heard:
            assert self.heard.wait_for(lambda: number in self.answers, 120), "no answer within two minutes"
        return self.answers[number]

    def begin(self, tool, arguments):
        return self.send("tools/call", {"name": tool, "arguments": arguments, "_meta": {"progressToken": "import"}})

    def call(self, tool, arguments):
        return json.loads(self.wait(self.begin(tool, arguments))["result"]["content"][0]["text"])

    def to_the_end(self, tool, arguments):
        """Calls until every row is settled, as an agent would, and returns all answers."""
        answers = [self.call(tool, arguments)]
        while (last := answers[-1]).get("result") != "accepted":
            if "error" in last:
                assert last["error"] == "call_in_progress", last
                time.sleep(last["retry_after_seconds"])
                answers.append(self.call(tool, arguments))
            else:
                answers.append(self.call(tool, {"handle": last["handle"]}))
        return answers

    def handle(self):
        """The handle, as progress has told it."""
        with self.heard:
            assert self.heard.wait_for(lambda: self.told, 120), "no progress was told"
        return self.told[-1][1]["message"].split(":")[0]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def finish(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


def configure(folder, sandbox):
    url = f"http://{sandbox.address}"
    (folder / "customerio-mcp.toml").write_text(f"""
        [workspaces.local]
        kind = "sandbox"
        site_id = "site"
        tracking_api_key_env = "TRACK_KEY"
        app_api_key_env = "APP_KEY"
        track_url = "{url}"
        app_url = "{url}"
        import_directories = ["."]

        [workspaces.local.identity]
        primary = "id"
        id_form = "prefix:cust_"
        source = "the files of this test"

        [workspaces.local.budgets]
        triggers_per_hour = 10000000
        triggers_per_day = 10000000
        new_profiles_per_day = 1000000
    """)


def killed_and_resumed(program, folder, sandbox, tool, file, count, rows):
    """Kills the server when a third of the rows are in, and goes on with another."""
    before = sandbox.counts()[count]
    server = Server(program, folder, "killed")
    began = time.monotonic()
    server.begin(tool, {"file": file})
    while sandbox.counts()[count] - before < rows // 3:
        assert server.process.poll() is None
        # Counting takes the sandbox's time.
        time.sleep(0.1)
    handle = server.handle()
    peaks = [memory_mb(server.process)]
    server.kill()
    seen = sandbox.counts()[count] - before
    killed_after = time.monotonic() - began
    server = Server(program, folder, "killed")
    answers = server.to_the_end(tool, {"handle": handle})
    peaks.append(memory_mb(server.process))
    took = time.monotonic() - began
    waited = sum(answer.get("retry_after_seconds", 0) for answer in answers)
    server.finish()
    last = answers[-1]
    assert last["rows_total"] == last["rows_accepted"] == rows, last
    print(
        f"{tool}: killed after {killed_after:.1f} s with {seen:,} of {rows:,} rows in; resumed by {handle}, "
        f"{len(answers)} calls, waited {waited} s for the dead call's lease; {took:.1f} s in all; "
        f"peak memory {peaks[0]:.0f} MB before the kill, {peaks[1]:.0f} MB after"
    )
    return before


def every_person_once(sandbox, people, before):
    assert sandbox.counts()["people"] - before == people, (sandbox.counts(), before, people)
    numbers, start = [], ""
    while True:
        search = {"filter": {"attribute": {"field": "row", "operator": "exists"}}}
        page = sandbox.ask("POST", f"/v1/customers?limit=1000&start={start}", APP, search)
        numbers += [person["id"] for person in page["identifiers"]]
        start = page["next"]
        if not start:
            break
    assert len(numbers) == people and set(numbers) == {person_id(row) for row in range(people)}
    asked = [numbers[begin : begin + 100] for begin in range(0, people, 100)]
    bodies = [json.dumps({"ids": ids}).encode() for ids in asked]
    seen = set()
    for answer in sandbox.many(["/v1/customers/attributes"] * len(bodies), "POST", bodies):
        for one in answer["customers"]:
            attributes = one["customer"]["attributes"]
            row = int(attributes["row"])
            expected = (person_id(row), f"user-{row}@shop.io", f"Person {row}", f"town-{row // 10 % 20}", str(BEGAN - row))
            assert expected == tuple(attributes[name] for name in ("id", "email", "first_name", "town", "created_at"))
            seen.add(row)
    assert seen == set(range(people))
    print(f"every one of {people:,} people is there once, with what their row says")


def every_event_once(sandbox, people, events, before):
    assert sandbox.counts()["events"] - before == events, (sandbox.counts(), before, events)
    seen, total = bytearray(events), 0
    targets = [f"/v1/customers/{person_id(row)}/activities?limit=100&type=event&name=bulk_row" for row in range(people)]
    for row, answer in enumerate(sandbox.many(targets)):
        assert not answer["next"], "a person has more events than a page holds"
        for one in answer["activities"]:
            number = one["data"]["row"]
            assert number * 7_919 % people == row and one["timestamp"] == BEGAN + number // 8
            assert one["data"]["order"] == f"A-{number}"
            seen[number] += 1
            total += 1
    assert total == events and set(seen) == {1}, f"{total} events, {seen.count(0)} missing"
    print(f"every one of {events:,} events is there once, with what its row says")


def items(folder, file):
    """What the bare loop sends: the same rows, written down beforehand."""
    with open(folder / file) as lines:
        header = next(lines).strip().split(",")
        for number, line in enumerate(lines):
            row = dict(zip(header, line.strip().split(",")))
            if file == "people.csv":
                identifiers = {"id": row.pop("id")}
                row["created_at"], row["row"] = int(row["created_at"]), int(row["row"])
                yield {"type": "person", "action": "identify", "identifiers": identifiers, "attributes": row}
            else:
                person, name, at = row.pop("customer"), row.pop("name"), int(row.pop("timestamp"))
                row["total"], row["express"], row["row"] = float(row["total"]), True, int(row["row"])
                yield {
                    "type": "person", "action": "event", "identifiers": {"id": person}, "name": name,
                    "id": f"01J{number:023}", "timestamp": at, "attributes": row,
                }


def bodies(folder, file):
    done, body = [], []
    size = 0
    for item in items(folder, file):
        text = json.dumps(item, separators=(",", ":"))
        if size + len(text) + 32 > BATCH_BYTES:
            done.append(('{"batch":[' + ",".join(body) + "]}").encode())
            body, size = [], 0
        body.append(text)
        size += len(text) + 1
    done.append(('{"batch":[' + ",".join(body) + "]}").encode())
    return done


def bare_loop(sandbox, prepared):
    connection = http.client.HTTPConnection(sandbox.address)
    began = time.monotonic()
    for body in prepared:
        connection.request("POST", "/api/v2/batch", body, {**TRACK, **JSON})
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"{}\n")
    took = time.monotonic() - began
    connection.close()
    return took


def through_the_tools(program, folder, sandbox, people, events):
    """The same files with nobody killed: how long it takes, and what memory it needs."""
    server = Server(program, folder, "unharmed")
    took = {}
    peaks = [("at its start", memory_mb(server.process))]
    for tool, file, name in [
        ("import_customers", "people.csv", "people"), ("track_events", "few.csv", "few"), ("track_events", "events.csv", "events"),
    ]:
        server.told.clear()
        began = time.monotonic()
        answers = server.to_the_end(tool, {"file": file})
        ended = time.monotonic()
        writing = next(at for at, told in server.told if "written" in told["message"])
        took[name] = (ended - began, ended - writing)
        peaks.append((f"after {answers[-1]['rows_accepted']:,} {'events' if tool == 'track_events' else 'people'}", memory_mb(server.process)))
    server.finish()
    print("peak memory of one server: " + ", ".join(f"{peak:.0f} MB {when}" for when, peak in peaks))
    return took


def alone(program, folder, file):
    """The peak of a server that imports nothing but this file."""
    server = Server(program, folder, f"alone-{file}")
    server.to_the_end("track_events", {"file": file})
    peak = memory_mb(server.process)
    server.finish()
    return peak


def main():
    program = os.path.abspath(sys.argv[1])
    people, events = (int(number) for number in sys.argv[2:4]) if len(sys.argv) > 3 else (2_000, 10_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, people, events)
        sizes = ", ".join(f"{file} {(folder / file).stat().st_size / 1e6:.1f} MB" for file in ("people.csv", "events.csv"))
        print(f"{people:,} people and {events:,} events; {sizes}")

        sandbox = Sandbox(program)
        configure(folder, sandbox)
        before = killed_and_resumed(program, folder, sandbox, "import_customers", "people.csv", "people", people)
        every_person_once(sandbox, people, before)
        before = killed_and_resumed(program, folder, sandbox, "track_events", "events.csv", "events", events)
        every_event_once(sandbox, people, events, before)
        print(f"memory of the sandbox with all of it: {memory_mb(sandbox.process):.0f} MB")
        sandbox.stop()

        sandbox = Sandbox(program)
        configure(folder, sandbox)
        took = through_the_tools(program, folder, sandbox, people, events)
        sandbox.stop()

        sandbox = Sandbox(program)
        loops = {}
        for file, what in [("people.csv", "people"), ("events.csv", "events")]:
            prepared = bodies(folder, file)
            loops[what] = bare_loop(sandbox, prepared)
            del prepared
        sandbox.stop()
        for what, rows in [("people", people), ("events", events)]:
            whole, writing = took[what]
            loop = loops[what]
            print(
                f"{what}: {rows / whole:,.0f} rows/s through the tool, {rows / writing:,.0f} while it writes; "
                f"{rows / loop:,.0f} in the bare loop: {loop / whole:.0%} of it, {loop / writing:.0%} while it writes "
                f"({whole:.2f} s, {writing:.2f} s, {loop:.2f} s)"
            )

        sandbox = Sandbox(program)
        configure(folder, sandbox)
        for body in bodies(folder, "people.csv"):
            bare_loop(sandbox, [body])
        few, many = alone(program, folder, "few.csv"), alone(program, folder, "events.csv")
        sandbox.stop()
        print(f"peak memory of a server of its own: {few:.0f} MB for {min(events, 10_000):,} events, {many:.0f} MB for {events:,}")
        assert many - few < MOST_GROWTH_MB, "memory grows with the number of rows"


if __name__ == "__main__":
    try:
        main()
    finally:
        for process in Sandbox.running:
            process.kill()
