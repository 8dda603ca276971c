"""A WebSocket server on a port of the loopback that says every message back, with nothing in its answers left to chance."""

import asyncio
import sys

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def echo(socket):
    try:
        async for message in socket:
            await socket.send(message)
    except ConnectionClosed:
        pass


def chosen(socket, offered):
    return "chat" if "chat" in offered else None


async def main(port):
    # A ping of its own would come whenever it likes.
    settings = {"select_subprotocol": chosen, "max_size": None, "ping_interval": None}
    async with serve(echo, "127.0.0.1", port, **settings) as server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))
