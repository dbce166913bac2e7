"""The public Python client, `mcp`, behind the lines that session.py speaks.

    python.py ERA PROGRAM [ARGUMENT ...]
"""

import json
import sys

import anyio
from mcp import Client, MCPError, StdioServerParameters

MODES = {"legacy": "legacy", "auto": "auto", "modern": "2026-07-28"}


def say(message):
    print(json.dumps(message), flush=True)


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def call(client, tool, arguments, cancel=False):
    progress = []
    with anyio.CancelScope() as scope:

        async def note(done, total, message):
            progress.append({"progress": done, "total": total, "message": message})
            if cancel:
                scope.cancel()

        try:
            result = await client.call_tool(tool, arguments, progress_callback=note)
        except MCPError as error:
            return {"code": error.code, "message": error.message}
    if scope.cancelled_caught:
        return {"cancelled": True}
    return {"result": plain(result), "progress": progress}


async def main(era, program, *arguments):
    complaints = []

    async def notice(message):
        if isinstance(message, Exception):
            complaints.append(repr(message))

    server = StdioServerParameters(command=program, args=list(arguments))
    async with Client(server, mode=MODES[era], message_handler=notice) as client:
        tools = (await client.list_tools()).tools
        said = {"version": client.protocol_version, "instructions": client.instructions}
        say({**said, "tools": [plain(tool) for tool in tools]})
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            say(await call(client, **json.loads(line)))
    say({"complaints": complaints})


anyio.run(main, *sys.argv[1:])
