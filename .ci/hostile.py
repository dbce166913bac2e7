"""What a hostile caller can do to the sandbox: it answers or closes, never dies, and its memory stays bounded.

    hostile.py PROGRAM

A line for each attack: what was answered, how long it took, and the memory of the sandbox before and after. All the
while a good caller is served. Exit code 1 if anything is off.
"""

import base64
import gzip
import json
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
import zlib

KEYS = ["--site-id", "site", "--tracking-key", "track", "--app-key", "app", "--cdp-key", "cdp"]
TRACK = "Basic " + base64.b64encode(b"site:track").decode()
CDP = "Basic " + base64.b64encode(b"cdp:").decode()
APP = "Bearer app"
MB = 1024 * 1024
# The sandbox gives a head, an idle connection and a body 20 s each; what is left is for a busy machine.
CLOSES_WITHIN_SECONDS = 30
ANSWERS_WITHIN_SECONDS = 10
# One good request may wait for one bad one, not for a queue of them.
GOOD_WITHIN_SECONDS = 5
MOST_MB = 600
CONNECTIONS, SLOW = 10_000, 1_000


class Sandbox:
    def __init__(self, program):
        command = [program, "sandbox", "--listen", "127.0.0.1:0", "--seed", "1", *KEYS]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        greeting = self.process.stdout.readline()
        self.address = ("127.0.0.1", int(greeting.strip().rsplit(":", 1)[1]))

    def mb(self, field="VmRSS"):
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                found = [line for line in status if line.startswith(field + ":")]
        except FileNotFoundError:
            return 0
        return int(found[0].split()[1]) / 1024 if found else 0

    def connect(self, timeout=ANSWERS_WITHIN_SECONDS):
        return socket.create_connection(self.address, timeout=timeout)


def head(method, path, headers=(), credential=APP):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: {credential}", *headers, "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape")


def request(method, path, body=b"", headers=(), credential=APP):
    return head(method, path, [f"Content-Length: {len(body)}", *headers], credential) + body


def statuses(text):
    return [int(part[:3]) for part in text.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]


def listen(connection, answers=1):
    """What comes until so many answers have, or the other side closes."""
    heard = b""
    try:
        while piece := connection.recv(MB):
            heard += piece
            found = statuses(heard)
            if len(found) >= answers and b"\r\n\r\n" in heard[heard.rindex(b"HTTP/1.1 ") :]:
                return found
    except ConnectionError:
        pass
    except TimeoutError:
        return [*statuses(heard), "silent"]
    return [*statuses(heard), "closed"]


def send(sandbox, sent, answers=1, hang_up=False):
    """Sends all at once; a side that closes while we still send has answered."""
    with sandbox.connect() as connection:
        try:
            connection.sendall(sent)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
        except ConnectionError:
            pass
        return listen(connection, answers)


class GoodCaller(threading.Thread):
    """Asks for the same thing all the time, on one connection as long as it lasts."""

    def __init__(self, sandbox):
        super().__init__(daemon=True)
        self.sandbox, self.served, self.slowest, self.wrong, self.done = sandbox, 0, 0.0, [], threading.Event()

    def run(self):
        while not self.done.wait(0.1):
            began = time.monotonic()
            try:
                heard = send(self.sandbox, request("GET", "/v1/segments"))
            except OSError as error:
                heard = [repr(error)]
            took = time.monotonic() - began
            self.slowest = max(self.slowest, took)
            self.served += 1
            if heard != [200] or took > GOOD_WITHIN_SECONDS:
                self.wrong.append((heard, round(took, 1)))


class Report:
    def __init__(self, sandbox):
        self.sandbox, self.off = sandbox, 0

    def attack(self, what, expected, act):
        """One line; `expected` is the set of what may be heard."""
        before, began = self.sandbox.mb(), time.monotonic()
        try:
            heard = act()
        except OSError as error:
            heard = [repr(error)]
        took, after = time.monotonic() - began, self.sandbox.mb()
        holds = bool(heard) and set(heard) <= set(expected) and self.sandbox.process.poll() is None
        holds = holds and after < MOST_MB
        self.off += not holds
        shown = " ".join(map(str, heard if len(heard) < 5 else sorted(set(heard), key=str))) or "nothing"
        print(f"{'ok    ' if holds else 'not ok'} {what:<52} {shown:<18} {took:6.2f} s {before:6.0f} -> {after:4.0f} MB",
              flush=True)


def track(body, path="/api/v2/entity", headers=()):
    return request("POST", path, body if isinstance(body, bytes) else body.encode(), headers, TRACK)


def person(identifier, attributes="{}"):
    return f'{{"type":"person","action":"identify","identifiers":{{"id":{identifier}}},"attributes":{attributes}}}'


def bodies(report, sandbox):
    put = lambda body: request("PUT", "/api/v1/customers/h-1", body.encode() if isinstance(body, str) else body, (), TRACK)
    deep = b"[" * 100_000 + b"]" * 100_000
    deep_filter = '{"not":' * 10_000 + '{"segment":{"id":1}}' + "}" * 10_000
    wide = {"filter": {"or": [{"attribute": {"field": "plan", "operator": "eq", "value": str(n)}} for n in range(100_000)]}}
    search = lambda filter_: request("POST", "/v1/customers", filter_)
    attempts = [
        ("JSON 100,000 deep", {400}, put(deep)),
        ("objects 100,000 deep", {400}, put(b'{"a":' * 100_000 + b"1" + b"}" * 100_000)),
        ("1e400 as an attribute", {400}, put('{"n":1e400}')),
        ("a number of 4,000 digits", {200, 400}, put('{"n":' + "9" * 4_000 + "}")),
        ("-0", {200}, put('{"n":-0}')),
        ("NaN", {400}, put('{"n":NaN}')),
        ("NaN as text", {200}, put('{"n":"NaN"}')),
        ("a timestamp of 1e300", {200}, track(person('"h-2"', '{"_timestamp":1e300}'))),
        ("invalid UTF-8 in a body", {400}, put(b'{"n":"\xff\xfe"}')),
        ("a lone surrogate", {400}, put(r'{"n":"\ud800"}')),
        ("NUL in an identifier", {200, 400}, track(person(r'"a\u0000b"'))),
        ("300,000 attributes", {400}, put(json.dumps({f"a{n}": n for n in range(300_000)}))),
        ("filter 10,000 deep", {400}, search(f'{{"filter":{deep_filter}}}'.encode())),
        ("filter of 100,000 alternatives", {200, 400}, search(json.dumps(wide).encode())),
        ("page of 18446744073709551616", {400}, request("GET", "/v1/activities?limit=18446744073709551616")),
        ("page after nonsense", {400}, request("GET", "/v1/activities?start=%00%ff")),
    ]
    for what, expected, sent in attempts:
        report.attack(what, expected, lambda sent=sent: send(sandbox, sent))


def packed(report, sandbox):
    whole = gzip.compress(b'{"userId":"h-3","event":"x"}')
    packer = zlib.compressobj(wbits=31)
    zeros = b"\0" * MB
    bomb = b"".join(packer.compress(zeros) for _ in range(1024)) + packer.flush()
    for what, body in [
        ("gzip that is none", b"\x1f\x8b" + b"\xff" * 100),
        ("gzip cut off", whole[:-9]),
        (f"gzip bomb, 1 GB in {len(bomb) // 1024} KB", bomb),
    ]:
        headers = ["Content-Encoding: gzip"]
        for strict, expected in [([], {200}), (["X-Strict-Mode: 1"], {400})]:
            sent = request("POST", "/v1/track", body, [*headers, *strict], CDP)
            report.attack(what + (", strict" if strict else ""), expected, lambda sent=sent: send(sandbox, sent))


def framing(report, sandbox):
    chunk = b"100000\r\n" + b"a" * MB + b"\r\n"
    chunked = head("POST", "/api/v2/batch", ["Transfer-Encoding: chunked"], TRACK)
    good = request("GET", "/v1/segments")
    path = lambda text: request("GET", text)
    attempts = [
        ("20 MB declared", {413}, head("POST", "/api/v2/batch", [f"Content-Length: {20 * MB}"], TRACK), 1),
        ("1 EB declared", {413}, head("POST", "/api/v2/batch", ["Content-Length: 1000000000000000000"], TRACK), 1),
        ("20 MB undeclared", {413, "closed"}, chunked + chunk * 20, 1),
        ("a chunk of 2^64 bytes", {400, "closed"}, chunked + b"10000000000000000\r\n", 1),
        ("Content-Length of -1", {400}, head("POST", "/api/v2/entity", ["Content-Length: -1"], TRACK), 1),
        ("two lengths", {400}, head("POST", "/api/v2/entity", ["Content-Length: 2", "Content-Length: 3"], TRACK) + b"{}", 1),
        ("length and chunks", {400, "closed"},
         head("POST", "/api/v2/entity", ["Content-Length: 2", "Transfer-Encoding: chunked"], TRACK) + b"2\r\n{}\r\n0\r\n\r\n", 1),
        ("1,000 requests at once", {200}, good * 1_000, 1_000),
        ("10,000 headers", {431}, head("GET", "/v1/segments", [f"X-{n}: 1" for n in range(10_000)]), 1),
        ("a header of 1 MB", {431, "closed"}, head("GET", "/v1/segments", ["X-A: " + "a" * MB]), 1),
        ("a URL of 1 MB", {414, 431, "closed"}, path("/v1/" + "a" * MB), 1),
        ("an unknown method", {404}, request("BREW", "/v1/segments"), 1),
        ("a method of 1 MB", {400, 431, "closed"}, request("A" * MB, "/v1/segments"), 1),
        ("no HTTP at all", {400}, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20, 1),
        ("HTTP/2 by its preface", {400, "closed", 505}, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 1),
        ("a path of %2f", {404}, path("/v1%2fsegments"), 1),
        ("a path of %00", {404}, path("/v1/segments/%00"), 1),
        ("a path of ..", {404}, path("/v1/segments/../../_sandbox"), 1),
        ("a path of encoded ..", {404}, path("/v1/segments/%2e%2e/%2e%2e/etc/passwd"), 1),
        ("a path of //", {404}, path("//v1//segments"), 1),
        ("a path that is not UTF-8", {404}, path("/v1/customers/%ff%fe/attributes"), 1),
        ("a foreign name for this machine", {403},
         b"GET /_sandbox HTTP/1.1\r\nHost: evil.example\r\n\r\n", 1),
    ]
    for what, expected, sent, answers in attempts:
        report.attack(what, expected, lambda sent=sent, answers=answers: send(sandbox, sent, answers))
    cut = head("POST", "/api/v2/entity", ["Content-Length: 100"], TRACK) + b"{}"
    report.attack("a body shorter than declared", {400, "closed"}, lambda: send(sandbox, cut, hang_up=True))


def liquid(report, sandbox):
    loop = "{% for a in (1..1000000) %}"
    doubling = "{% assign x = 'aaaaaaaaaaaaaaaa' %}" + "{% assign x = x | append: x %}" * 30 + "{{ x }}"
    for what, template in [
        ("Liquid: a million times a million", loop + loop + "x{% endfor %}{% endfor %}"),
        ("Liquid: 100,000 times 100,000", (loop + loop + "x{% endfor %}{% endfor %}").replace("1000000", "100000")),
        ("Liquid: 16 bytes doubled 30 times", doubling),
        ("Liquid: 10,000 tags deep", "{% if true %}" * 10_000 + "x" + "{% endif %}" * 10_000),
        ("Liquid: an output that never ends", "{{ " * 100_000),
    ]:
        send_it = {"to": "a@example.com", "from": "b@example.com", "subject": "s", "body": template,
                   "identifiers": {"id": "h-1"}}
        sent = request("POST", "/v1/send/email", json.dumps(send_it).encode())
        report.attack(what, {200, 400}, lambda sent=sent: send(sandbox, sent))


class Slow:
    """Connections that hold on with as little as they can: open, fed a byte now and then, and waited for."""

    def __init__(self, sandbox, count, opening, drip):
        self.drip, self.closed, self.heard = drip, 0, set()
        self.selector = selectors.DefaultSelector()
        for number in range(count):
            if number % 100 == 0:
                # What is not accepted yet waits in a queue that would overflow, and is tried again only a second later.
                time.sleep(0.02)
            connection = sandbox.connect()
            connection.sendall(opening)
            connection.setblocking(False)
            self.selector.register(connection, selectors.EVENT_READ)
        self.began = time.monotonic()

    def watch(self):
        """Feeds those that are open and hears those that are not, for a second."""
        if self.drip:
            for key in list(self.selector.get_map().values()):
                try:
                    key.fileobj.send(self.drip)
                except OSError:
                    pass
        until = time.monotonic() + 1
        while self.selector.get_map() and time.monotonic() < until:
            for key, _ in self.selector.select(0.2):
                try:
                    piece = key.fileobj.recv(65536)
                except OSError:
                    piece = b""
                self.heard.update(statuses(piece))
                if not piece:
                    self.selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self.closed += 1

    def wait(self):
        while self.selector.get_map() and time.monotonic() - self.began < CLOSES_WITHIN_SECONDS:
            self.watch()
        return [*self.heard, "closed" if not self.selector.get_map() else "open"]


def patience(report, sandbox, connections):
    held = {
        f"{connections:,} open connections that say nothing": (connections, b"", b""),
        f"{SLOW:,} heads, a byte a second": (SLOW, b"GET /v1/segments HTTP/1.1\r\nHost: localhost\r\nX: ", b"a"),
        "100 bodies, a byte a second": (100, head("POST", "/api/v2/entity", ["Content-Length: 1000"], TRACK), b"a"),
        "100 bodies of 16 MB that never come": (100, head("POST", "/api/v2/batch", [f"Content-Length: {16 * MB}"], TRACK), b""),
    }
    slow = {}

    def open_all():
        for what, (count, opening, drip) in held.items():
            slow[what] = Slow(sandbox, count, opening, drip)
        return ["open"]

    report.attack(f"opening {connections + SLOW + 200:,} connections", {"open"}, open_all)
    drippers = [one for one in slow.values() if one.drip]
    report.attack("a good request beside them", {200}, lambda: send(sandbox, request("GET", "/v1/segments")))
    while any(one.selector.get_map() for one in drippers):
        for one in drippers:
            one.watch()
        if time.monotonic() - min(one.began for one in drippers) > CLOSES_WITHIN_SECONDS:
            break
    for what, one in slow.items():
        report.attack(what, {"closed", 408}, one.wait)


def files():
    """As many open files as this process may have; the sandbox inherits them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = hard - SLOW - 500
    if hard != resource.RLIM_INFINITY and room < CONNECTIONS:
        print(f"only {hard} files may be open: {room:,} connections instead of {CONNECTIONS:,}")
        return room
    return CONNECTIONS


def main(program):
    began, connections = time.monotonic(), files()
    sandbox = Sandbox(program)
    good = GoodCaller(sandbox)
    report = Report(sandbox)
    good.start()
    try:
        bodies(report, sandbox)
        packed(report, sandbox)
        framing(report, sandbox)
        liquid(report, sandbox)
        patience(report, sandbox, connections)
    finally:
        good.done.set()
        good.join(GOOD_WITHIN_SECONDS)
        alive = sandbox.process.poll() is None
        peak = sandbox.mb("VmHWM")
        sandbox.process.terminate()
        sandbox.process.wait(GOOD_WITHIN_SECONDS)
    print(f"{'ok    ' if not good.wrong else 'not ok'} a good caller was served {good.served} times, the slowest in "
          f"{good.slowest:.2f} s {good.wrong[:3] if good.wrong else ''}")
    print(f"{'ok    ' if alive and peak < MOST_MB else 'not ok'} alive at the end, at most {peak:.0f} MB")
    print(f"{time.monotonic() - began:.0f} s")
    return 1 if report.off or good.wrong or not alive or peak >= MOST_MB else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
