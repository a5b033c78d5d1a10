"""A mail server of aiosmtpd's own parts: STARTTLS before anything, then a sign-in, then mails, kept in a Maildir.

server.py PORT CERTIFICATE KEY MAILDIR; the one password comes from the environment.
"""

import asyncio
import os
import ssl
import sys

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult

port, certificate, key, maildir = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
handler = Mailbox(maildir)


def authenticate(server, session, envelope, mechanism, data):
    known = (b"safeconduct", os.environ["MAIL_PASSWORD"].encode())
    return AuthResult(success=(data.login, data.password) == known)


def server():
    return SMTP(
        handler,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
        enable_SMTPUTF8=True,
    )


async def serve():
    listening = await asyncio.get_running_loop().create_server(server, "127.0.0.1", int(port))
    print("ready", flush=True)
    async with listening:
        await listening.serve_forever()


asyncio.run(serve())
