"""Begins an upload and never ends it, so that it can be killed in the middle.

Reads FTP_HOST, FTP_PORT, FTP_USER, FTP_PASSWORD and FTP_FOLDER from the environment. Arguments:
the file's name; the number of bytes to send; how the system shall close the connections once
this process is killed, `fin` (in order) or `rst` (SO_LINGER 0); what to do until then, `hang` or
`trickle` (a few bytes every millisecond). Prints "sent" when the server says that it has got all
of the bytes.
"""

import ftplib
import os
import random
import re
import socket
import struct
import sys
import time

CHUNK = 64 * 1024


def reset_on_close(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def wait_until_received(ftp, size):
    """Asks STAT until it names the number of bytes."""
    for _ in range(600):
        ftp.putcmd("STAT")
        reply = ftp.getmultiline()
        assert reply.startswith("21"), reply
        if str(size) in re.findall(r"\d+", reply.replace(",", "")):
            return
        time.sleep(0.1)
    raise AssertionError(f"the server never got {size} bytes: {reply}")


def main():
    name, size, close, then = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    ftp = ftplib.FTP(encoding="utf-8")
    ftp.connect(os.environ["FTP_HOST"], int(os.environ["FTP_PORT"]), timeout=120)
    ftp.login(os.environ["FTP_USER"], os.environ["FTP_PASSWORD"])
    ftp.voidcmd("TYPE I")
    data = ftp.transfercmd(f"STOR /{os.environ['FTP_FOLDER']}/{name}")
    if close == "rst":
        reset_on_close(data)
        reset_on_close(ftp.sock)
    left = size
    while left:
        chunk = random.randbytes(min(left, CHUNK))
        data.sendall(chunk)
        left -= len(chunk)
    wait_until_received(ftp, size)
    print("sent", flush=True)
    while then == "trickle":
        data.sendall(b"drop")
        time.sleep(0.001)
    time.sleep(600)


if __name__ == "__main__":
    main()
