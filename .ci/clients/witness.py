#!/usr/bin/env -S python3 -I
"""Stands between a client and the server, and notes what the server writes and how it ends.

    witness.py FOLDER PROGRAM [ARGUMENT ...]

The server gets the client's own stdin, and a stdout of the kind the client made (clients in JavaScript make sockets,
others pipes): it meets what it would meet without a witness.
"""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile

# Longer than any conversation. Whatever happens to the client, nothing of it stays behind.
GIVE_UP_SECONDS = 120


def like_stdout():
    """Two ends, the first to read what is written to the second."""
    if stat.S_ISSOCK(os.fstat(1).st_mode):
        ours, servers = socket.socketpair()
        return ours.detach(), servers.detach()
    return os.pipe()


def pass_on(data):
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:
        pass  # The client has hung up; what is still said is noted all the same.


def main(folder, *command):
    # A client may start several servers: each is noted apart.
    notes = tempfile.mkdtemp(dir=folder)
    reading, writing = like_stdout()
    with open(os.path.join(notes, "stderr"), "wb") as complaints:
        server = subprocess.Popen(command, stdout=writing, stderr=complaints)
    os.close(writing)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    signal.signal(signal.SIGALRM, lambda *_: server.kill())
    signal.alarm(GIVE_UP_SECONDS)
    with open(os.path.join(notes, "stdout"), "wb") as said:
        while data := os.read(reading, 65536):
            said.write(data)
            said.flush()
            pass_on(data)
    with open(os.path.join(notes, "code"), "w") as code:
        code.write(str(server.wait()))


main(*sys.argv[1:])
