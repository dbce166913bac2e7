#!/usr/bin/env python3
"""Looks through everything the tests left behind for people and secrets that must not be there.

    CUSTOMERIO_MCP_TEST_KEEP=DIR cargo test     leaves it
    .ci/hunt.py DIR                             looks

Logs, traces, complaints and state are searched byte by byte, databases with their write-ahead logs also row by row, for
each person of the tests' shop and each credential of their sandboxes, as they are and as they could be written. What
holds data on purpose is counted and not searched: documents that a person asked for, rows to be imported, configuration
with keys that a test wrote, and the sandbox's own people.
"""

import base64
import json
import pathlib
import re
import sqlite3
import sys
import tempfile
import tomllib
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHOP = ROOT / "src/sandbox/fixtures/shop.toml"
# Whom tests name besides the people of the shop, and what they plant.
PLANTED = [
    "eve@elsewhere.io", "peg@shop.example", "qa@example.com", "078-05-1120", "0171 5550199", "DE89370400440532013000",
    "canary-ada-4711", "canary.person@shop.example", "+49 170 1234567",
]
ON_PURPOSE = re.compile(
    r"(^|/)(exports/.*\.json|.*\.(toml|csv|jsonl|ndjson|snap|md|pem|crt|key)|secret|key|secrets\.txt|sandbox(/.*|\.(db|sqlite3).*))$")
# Short or common texts say nothing of anybody.
LEAST = 7


def people():
    """Addresses, numbers, whole names and streets of the shop."""
    found = set()
    for person in tomllib.loads(SHOP.read_text())["people"]:
        attributes = person.get("attributes", {})
        found.add(person.get("email"))
        found.add(attributes.get("phone"))
        if attributes.get("first_name") and attributes.get("last_name"):
            found.add(f"{attributes['first_name']} {attributes['last_name']}")
        found.update(value for value in attributes.get("address", {}).values() if isinstance(value, str))
    return {value for value in found if value and len(value) >= LEAST}


def forms(canary):
    """A canary as it could be written, each form by its name."""
    raw = canary.encode()
    yield "plain", raw
    yield "json", json.dumps(canary)[1:-1].encode()
    yield "url", urllib.parse.quote(canary, safe="").encode()
    yield "url with plus", urllib.parse.quote_plus(canary).encode()
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    yield "utf-16-le", canary.encode("utf-16-le")
    yield "utf-16-be", canary.encode("utf-16-be")
    # Within a longer text base64 begins at any of three places; what is the same in all of them is looked for.
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        inner = whole[(0, 2, 3)[shift] + (2 if shift else 0):len(whole) - 4]
        if len(inner) >= 8:
            yield f"base64 at {shift}", inner
            yield f"base64url at {shift}", inner.replace(b"+", b"-").replace(b"/", b"_")


def rows(path):
    """Every value of a database as bytes, with what the write-ahead log adds. It is a copy that is opened."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "copy.db"
        for end in ("", "-wal"):
            source = pathlib.Path(f"{path}{end}")
            if source.exists():
                pathlib.Path(f"{copy}{end}").write_bytes(source.read_bytes())
        try:
            with sqlite3.connect(copy) as database:
                database.text_factory = bytes
                tables = [name.decode() for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                for table in tables:
                    for row in database.execute(f'SELECT * FROM "{table}"'):
                        yield b"\0".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
        except sqlite3.DatabaseError:
            # Tests break databases; their bytes are searched all the same.
            return


def hunt(folder):
    secrets = set()
    told = folder / "secrets.txt"
    if told.exists():
        secrets.update(line for line in told.read_text().splitlines() if len(line) >= LEAST)
    canaries = people() | set(PLANTED) | secrets
    known = {}
    for canary in canaries:
        for form, needle in forms(canary):
            known.setdefault(needle, (canary, form))
    by_length = sorted(known, key=len, reverse=True)
    pattern = re.compile(b"|".join(re.escape(needle) for needle in by_length), re.IGNORECASE)
    lower = {needle.lower(): what for needle, what in known.items()}
    files = size = databases = values = skipped = 0
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        name = path.relative_to(folder).as_posix()
        if ON_PURPOSE.search(name):
            skipped += 1
            continue
        content = path.read_bytes()
        files, size = files + 1, size + len(content)
        chunks = [content]
        if content.startswith(b"SQLite format 3\0"):
            databases += 1
            held = list(rows(path))
            values += len(held)
            chunks.append(b"\n".join(held))
        seen = {}
        for chunk in chunks:
            for match in pattern.finditer(chunk):
                canary, form = lower.get(match.group().lower(), ("?", "?"))
                around = chunk[max(0, match.start() - 60):match.end() + 20]
                seen.setdefault((canary, form), around)
        for (canary, form), around in seen.items():
            kind = "a secret" if canary in secrets else canary
            found.append(f"{name}: {kind}, {form}: …{around!r}…")
    print(f"searched {files} files, {size:,} bytes; {databases} databases with {values:,} rows")
    print(f"for {len(canaries)} canaries ({len(secrets)} credentials) in {len(known)} forms; {skipped} files hold data on purpose")
    return files, found


def self_test():
    """It must be able to find: every form of a canary, in a log and in a database whose log was not folded in."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        canary = PLANTED[0]
        planted = dict(forms(canary))
        for at, needle in enumerate(planted.values()):
            (folder / f"{at}.log").write_bytes(b"x" + needle + b"y")
        (folder / "clean.log").write_bytes(b"call tool=get_customer outcome=ok")
        database = sqlite3.connect(folder / "state.db")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE t (v BLOB)")
        database.execute("INSERT INTO t VALUES (?)", (canary,))
        database.commit()
        _, found = hunt(folder)
        database.close()
        told = {line.split(":")[0] for line in found}
        expected = {f"{at}.log" for at in range(len(planted))}
        missed = expected - told
        assert not missed, f"the hunt does not find {sorted(missed)}: {list(planted)}"
        assert any(name.startswith("state.db") for name in told) and "clean.log" not in told, told
        print(f"self-test: {len(planted)} forms of a planted address and one in a write-ahead log, all found")


def main():
    self_test()
    folder = pathlib.Path(sys.argv[1])
    files, found = hunt(folder)
    if files == 0:
        sys.exit("nothing was left to search: was the suite run with CUSTOMERIO_MCP_TEST_KEEP?")
    for line in found[:40]:
        print(line)
    if found:
        sys.exit(f"found {len(found)}")
    print("found: nothing")


main()
