"""Python's ftplib gives transfers up in the middle, in every way that clients do, and goes on.

Reads FTP_HOST, FTP_PORT, FTP_USER, FTP_PASSWORD and FTP_FOLDER from the environment; the folder
holds `large`, which is longer than all buffers on the way, and `old`. Prints a line for each
thing that held, and "all done"; or ends with a traceback and exit code 1.
"""

import ftplib
import io
import os
import socket

KIB = 1024
IAC, IP, DM = b"\xff", b"\xf4", b"\xf2"


def connect():
    ftp = ftplib.FTP(encoding="utf-8")
    ftp.connect(os.environ["FTP_HOST"], int(os.environ["FTP_PORT"]), timeout=60)
    ftp.login(os.environ["FTP_USER"], os.environ["FTP_PASSWORD"])
    ftp.cwd("/" + os.environ["FTP_FOLDER"])
    ftp.voidcmd("TYPE I")
    return ftp


def plain(control):
    control.sendall(b"ABOR\r\n")


def in_pieces(control):
    """Each byte in a segment of its own."""
    control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in IAC + IP + IAC + DM + b"ABOR\r\n":
        control.sendall(bytes([byte]))


def urgent(control):
    """As ftplib's own abort() does: the LF is the urgent byte."""
    control.sendall(b"ABOR\r\n", socket.MSG_OOB)


def synch(control):
    """RFC 959 section 4.1.3: IP, then DM as urgent data, then the command."""
    control.sendall(IAC + IP)
    control.sendall(IAC + DM, socket.MSG_OOB)
    control.sendall(b"ABOR\r\n")


def synch_without_mark(control):
    """The same with the IAC urgent and DM in band, as BSD clients send it."""
    control.sendall(IAC + IP + IAC, socket.MSG_OOB)
    control.sendall(DM + b"ABOR\r\n")


WAYS = [plain, in_pieces, urgent, synch, synch_without_mark]


def reply(ftp, *codes):
    line = ftp.getmultiline()
    assert line[:3] in codes, f"wanted {codes}, got {line}"
    return line


def aborted(ftp, way):
    """RFC 959: 426 for the transfer, then 226 for ABOR, and nothing after that."""
    way(ftp.sock)
    reply(ftp, "426")
    reply(ftp, "226")
    goes_on(ftp)


def goes_on(ftp):
    """Nothing is left over in the conversation, and transfers work both ways."""
    assert ftp.sendcmd("NOOP").startswith("200")
    assert ftp.pwd() == "/" + os.environ["FTP_FOLDER"]
    text = os.urandom(10 * KIB)
    assert ftp.storbinary("STOR fresh", io.BytesIO(text)).startswith("226")
    got = io.BytesIO()
    assert ftp.retrbinary("RETR fresh", got.write).startswith("226")
    assert got.getvalue() == text
    ftp.delete("fresh")


def drained(data):
    """What still comes; it has to end."""
    count = 0
    try:
        while chunk := data.recv(64 * KIB):
            count += len(chunk)
    except ConnectionResetError:
        pass
    data.close()
    return count


def downloads(ftp, way):
    size = ftp.size("large")
    data = ftp.transfercmd("RETR large")
    got = len(data.recv(KIB))
    assert got > 0
    aborted(ftp, way)
    got += drained(data)
    assert got < size, f"all {got} bytes came"


def uploads(ftp, way):
    for name in ("new", "old"):
        data = ftp.transfercmd("STOR " + name)
        data.sendall(os.urandom(300 * KIB))
        aborted(ftp, way)
        data.close()
    assert "new" not in ftp.nlst()


def not_connected(ftp, way):
    """ABOR after the 150, when the client has not made the data connection."""
    for command in ("RETR large", "STOR new"):
        ftp.sendcmd("EPSV")
        ftp.putcmd(command)
        reply(ftp, "150")
        aborted(ftp, way)


def idle(ftp, way):
    """With nothing to abort: one reply, 225 or 226."""
    way(ftp.sock)
    reply(ftp, "225", "226")
    goes_on(ftp)


def finished(ftp, way):
    """The client has read everything, but not yet the reply."""
    data = ftp.transfercmd("RETR old")
    assert drained(data) == len("the old content")
    way(ftp.sock)
    first = reply(ftp, "226", "426")
    reply(ftp, "225", "226")
    goes_on(ftp)
    return first


def ftplibs_own(ftp):
    """ftplib.FTP.abort() takes one reply; the other is read by voidresp()."""
    data = ftp.transfercmd("RETR large")
    assert len(data.recv(KIB)) > 0
    assert ftp.abort().startswith("426")
    assert ftp.voidresp().startswith("226")
    drained(data)
    data = ftp.transfercmd("STOR new")
    data.sendall(os.urandom(KIB))
    assert ftp.abort().startswith("426")
    assert ftp.voidresp().startswith("226")
    data.close()
    goes_on(ftp)


def main():
    # One session for all of it: what one abort leaves behind, the next would meet.
    ftp = connect()
    for way in WAYS:
        for step in (idle, downloads, uploads, not_connected, finished):
            step(ftp, way)
            print(way.__name__, step.__name__, flush=True)
    ftplibs_own(ftp)
    assert ftp.size("old") == len("the old content")
    ftp.quit()
    print("all done")


if __name__ == "__main__":
    main()
