"""A mail server for one test: takes letters and writes each down as a line of JSON.

    mail_server.py PORT RECORD plain|starttls|tls CERTIFICATE KEY [LOGIN PASSWORD MECHANISM]
"""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

port, record, security, certificate, key, *login = sys.argv[1:]


class Recorder:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return f"550 5.1.1 <{address}>: no such user"
        if address.startswith("slow@"):
            await asyncio.sleep(1)
        if address.startswith("later@"):
            return f"451 4.7.1 <{address}>: come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        encrypted = server.transport.get_extra_info("sslcontext") is not None
        letter = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "peer": session.peer[1],
            "greeted_as": session.host_name,
            "encrypted": encrypted,
            "login": session.auth_data.login.decode() if session.authenticated else None,
            "content": envelope.content.decode(),
        }
        with open(record, "a") as lines:
            print(json.dumps(letter), file=lines)
        return "250 OK"


def knows(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and [data.login.decode(), data.password.decode()] == login[:2]
    return AuthResult(success=right, handled=False, auth_data=data)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def connection():
        return SMTP(
            Recorder(),
            hostname="mail.localhost",
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            authenticator=knows,
            auth_required=bool(login),
            auth_require_tls=security == "starttls",
            auth_exclude_mechanism={"LOGIN", "PLAIN"} - set(login[2:]),
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(connection, "127.0.0.1", int(port), ssl=context if security == "tls" else None)
    await server.serve_forever()


asyncio.run(main())
