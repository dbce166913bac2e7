"""Sessions of real clients with a server that the witness starts."""

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

# No session takes this long, and no call of the Inspector, on the slowest machine.
PATIENCE_SECONDS = 60


class Server:
    """What the witness noted of the servers of a session."""

    def __init__(self, program, folder, arguments):
        self.notes = folder / "servers"
        self.notes.mkdir(parents=True)
        witness = Path(__file__).with_name("witness.py")
        self.command = [str(witness), str(self.notes), program, "serve", "--sandbox", *arguments]

    def faults(self):
        servers = list(self.notes.iterdir())
        if not servers:
            yield "no server was started"
        for server in servers:
            code = server / "code"
            if not code.exists() or code.read_text() != "0":
                yield f"the server did not end with code 0 but {code.read_text() if code.exists() else 'was killed'}"
            for line in (server / "stderr").read_text().splitlines():
                if "panicked" in line or " WARN " in line or " ERROR " in line:
                    yield f"the server complained: {line}"
            for line in said(server):
                if not is_protocol(line):
                    yield f"on stdout: {line!r}"

    def progress(self):
        """The steps that were told, in order."""
        messages = [json.loads(line) for server in self.notes.iterdir() for line in said(server)]
        notes = [message["params"] for message in messages if message.get("method") == "notifications/progress"]
        return [(note["progress"], note["total"]) for note in notes]


def said(server):
    """The lines a server wrote; one that was not ended counts too."""
    return (server / "stdout").read_text().removesuffix("\n").split("\n")


def is_protocol(line):
    try:
        return json.loads(line).get("jsonrpc") == "2.0"
    except (ValueError, AttributeError):
        return False


def environment(folder):
    """Nothing of the machine's own: no configuration, no credentials, no caches of the clients."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder)}


class Lines:
    """A client that lives as long as its session: it takes a call a line, and says a line to each."""

    lasts = True
    # There is a person before it.
    asks = True
    unknown_tool = -32602

    def __init__(self, command, era, server, folder):
        self.stderr = folder / "stderr"
        with self.stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*command, era, *server.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=folder,
                env=environment(folder),
                start_new_session=True,
            )
        self.patience = threading.Timer(PATIENCE_SECONDS, os.killpg, (self.process.pid, signal.SIGKILL))
        self.patience.start()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the client has ended: {self.stderr.read_text()[-2000:]}")
        return json.loads(line)

    def greeting(self):
        return self.hear()

    def call(self, tool, arguments, cancel=False, answers=()):
        """A call, and what the person at the client answers to the questions on the way, one after the other."""
        call = {"tool": tool, "arguments": arguments, "cancel": cancel, "answers": answers}
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        return self.hear()

    def close(self):
        """Hangs up, and returns what the client had to complain of."""
        try:
            self.process.stdin.close()
            complaints = self.hear()["complaints"]
            code = self.process.wait()
        finally:
            self.patience.cancel()
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
        complaints += self.stderr.read_text().splitlines()
        return complaints + ([f"the client ended with code {code}"] if code else [])


class Inspector:
    """The Inspector, which starts itself and a server anew for each call."""

    lasts = False
    asks = False
    # It looks at the list before it calls.
    unknown_tool = "tool_not_found"

    def __init__(self, command, era, server, folder):
        self.command = [*command, "--cli", "--protocol-era", era, "--format", "json"]
        self.server, self.folder, self.complaints = server, folder, []

    def run(self, *arguments):
        run = subprocess.run(
            [*self.command, *arguments, *self.server.command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            cwd=self.folder,
            env=environment(self.folder),
        )
        # How a call failed stands on stderr too, and is no complaint.
        self.complaints += [line for line in run.stderr.splitlines() if not line.startswith('{"error":')]
        return run

    def result(self, *arguments):
        run = self.run(*arguments)
        assert run.returncode == 0, f"{arguments} ended with code {run.returncode}: {run.stderr}"
        shown = json.loads(run.stdout)
        # Beside the result stands what it finds wrong with a schema.
        self.complaints += [f"{key}: {value}" for key, value in shown.items() if key != "result"]
        return shown["result"]

    def greeting(self):
        begun = self.result("--method", "initialize")
        listed = self.result("--method", "tools/list", "--strict")
        return {"version": begun["protocolVersion"], "instructions": begun["instructions"], "tools": listed["tools"]}

    def call(self, tool, arguments):
        run = self.run("--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))
        if run.stdout:
            return json.loads(run.stdout)
        return json.loads(run.stderr)["error"]

    def close(self):
        return self.complaints
