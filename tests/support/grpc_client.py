"""Makes one gRPC call and prints what became of it.

    grpc_client.py PORT HOST AUTHORITY_PEM METHOD SHAPE METADATA MESSAGES

SHAPE is two of `unary` and `stream`, as `unary-stream`; or `held-stream`, which sends its messages and keeps its side open.
METADATA and MESSAGES are JSON: an object and a list of texts. Prints `heard …` for each message, then a line of JSON.
"""

import json
import sys
import threading

import grpc

port, host, authority, method, shape, metadata, messages = sys.argv[1:]
metadata = tuple((key, value) for key, value in json.loads(metadata).items())
messages = [text.encode() for text in json.loads(messages)]
ended = threading.Event()

channel = grpc.secure_channel(
    f"127.0.0.1:{port}",
    grpc.ssl_channel_credentials(open(authority, "rb").read()),
    options=[
        ("grpc.ssl_target_name_override", host),
        ("grpc.default_authority", f"{host}:{port}"),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
    ],
)


def sent():
    yield from messages
    if shape == "held-stream":
        ended.wait()


def heard(message):
    print("heard", message.decode(), flush=True)
    return message.decode()


call = None
replies = []
try:
    if shape == "unary-unary":
        reply, call = channel.unary_unary(method).with_call(messages[0], metadata=metadata, timeout=30)
        replies = [heard(reply)]
    elif shape == "stream-unary":
        reply, call = channel.stream_unary(method).with_call(sent(), metadata=metadata, timeout=60)
        replies = [heard(reply)]
    else:
        if shape == "unary-stream":
            call = channel.unary_stream(method)(messages[0], metadata=metadata, timeout=60)
        else:
            call = channel.stream_stream(method)(sent(), metadata=metadata, timeout=60)
        for reply in call:
            replies.append(heard(reply))
except grpc.RpcError as error:
    call = error
ended.set()

trailers = {key: value if isinstance(value, str) else value.hex() for key, value in call.trailing_metadata() or ()}
print(json.dumps({"code": call.code().name, "message": call.details(), "replies": replies, "trailers": trailers}), flush=True)
