"""A gRPC server for one test. Messages are bytes as they are: no schema, no generated code.

    grpc_app.py PORT [CERTIFICATE KEY]

Each call is written down as a line of JSON: its method and its metadata. What was given up is written down too.
"""

import json
import sys
from concurrent import futures

import grpc

port, *pair = sys.argv[1:]


def note(**what):
    print(json.dumps(what), flush=True)


def told(context):
    return {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}


def unary(request, context):
    context.set_trailing_metadata((("x-own-trailer", "kept"), ("doorward-forged", "forged"), ("x-own-bin", b"\x00\xff")))
    return json.dumps({"said": request.decode(), "metadata": told(context)}).encode()


def fail(request, context):
    context.set_trailing_metadata((("x-own-trailer", "kept"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "no such thing: 50 %, née")


def server_stream(request, context):
    for number in range(int(request)):
        yield str(number).encode()


def client_stream(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def bidi(requests, context):
    context.add_callback(lambda: note(ended="bidi"))
    for request in requests:
        yield request.upper()


def silent(requests, context):
    """Hears everything and never says anything."""
    context.add_callback(lambda: note(ended="silent"))
    for _ in requests:
        pass
    return b""


def health(request, context):
    return b"\x08\x01"


METHODS = {
    "/test.Echo/Unary": grpc.unary_unary_rpc_method_handler(unary),
    "/test.Echo/Fail": grpc.unary_unary_rpc_method_handler(fail),
    "/test.Echo/ServerStream": grpc.unary_stream_rpc_method_handler(server_stream),
    "/test.Echo/ClientStream": grpc.stream_unary_rpc_method_handler(client_stream),
    "/test.Echo/Bidi": grpc.stream_stream_rpc_method_handler(bidi),
    "/test.Echo/Silent": grpc.stream_unary_rpc_method_handler(silent),
    "/grpc.health.v1.Health/Check": grpc.unary_unary_rpc_method_handler(health),
}


class Handler(grpc.GenericRpcHandler):
    def service(self, call):
        note(method=call.method, metadata=dict((key, str(value)) for key, value in call.invocation_metadata))
        return METHODS.get(call.method)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), handlers=[Handler()])
if pair:
    certificate, key = (open(path, "rb").read() for path in pair)
    server.add_secure_port(f"127.0.0.1:{port}", grpc.ssl_server_credentials([(key, certificate)]))
else:
    server.add_insecure_port(f"127.0.0.1:{port}")
server.start()
server.wait_for_termination()
