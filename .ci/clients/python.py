"""The public Python client, `mcp`, behind the lines that session.py speaks.

    python.py ERA PROGRAM [ARGUMENT ...]
"""

import json
import sys

import anyio
from mcp import Client, MCPError, StdioServerParameters, types

MODES = {"legacy": "legacy", "auto": "auto", "modern": "2026-07-28"}


def say(message):
    print(json.dumps(message), flush=True)


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


class Person:
    """Whoever sits before the client: what they were asked, and what they answer."""

    def __init__(self):
        self.asked, self.answers = [], []

    async def __call__(self, context, params):
        self.asked.append({"message": params.message, "form": params.requested_schema})
        return types.ElicitResult(**self.answers.pop(0))


async def call(client, person, tool, arguments, cancel=False, answers=()):
    progress = []
    person.asked, person.answers = [], list(answers)
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
    return {"result": plain(result), "progress": progress, "asked": person.asked}


async def main(era, program, *arguments):
    complaints = []

    async def notice(message):
        if isinstance(message, Exception):
            complaints.append(repr(message))

    server = StdioServerParameters(command=program, args=list(arguments))
    person = Person()
    async with Client(
        server, mode=MODES[era], message_handler=notice, elicitation_callback=person
    ) as client:
        tools = (await client.list_tools()).tools
        said = {"version": client.protocol_version, "instructions": client.instructions}
        say({**said, "tools": [plain(tool) for tool in tools]})
        while line := await anyio.to_thread.run_sync(sys.stdin.readline):
            say(await call(client, person, **json.loads(line)))
    say({"complaints": complaints})


anyio.run(main, *sys.argv[1:])
