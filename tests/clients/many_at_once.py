"""Many sessions that send or fetch at the same time.

Reads FTP_HOST, FTP_PORT, FTP_USER, FTP_PASSWORD and FTP_FOLDER from the environment. Arguments:
`send` or `fetch`; the number of sessions; the number of bytes of each file; how many of the
sessions are slow. Session n sends and fetches the file fn, whose bytes it knows. All log in, then
all begin together. Prints a line `done`, `refused` or `failed` and the reply for each session. A
file that comes back with other bytes is `failed`.
"""

import ftplib
import hashlib
import os
import random
import sys
import threading
import time

CHUNK = 64 * 1024


def content(number, size):
    return random.Random(number).randbytes(size)


class Content:
    """A file to be read, slowly if need be."""

    def __init__(self, data, pause):
        self.data, self.at, self.pause = data, 0, pause

    def read(self, size):
        if self.at and self.pause:
            time.sleep(self.pause)
        chunk = self.data[self.at : self.at + size]
        self.at += len(chunk)
        return chunk


def session(number, verb, size, pause, begin, results):
    try:
        ftp = ftplib.FTP(encoding="utf-8")
        ftp.connect(os.environ["FTP_HOST"], int(os.environ["FTP_PORT"]), timeout=300)
        ftp.login(os.environ["FTP_USER"], os.environ["FTP_PASSWORD"])
        ftp.voidcmd("TYPE I")
        path = f"/{os.environ['FTP_FOLDER']}/f{number}"
        data = content(number, size)
    except Exception as error:
        begin.wait()
        results[number] = f"failed before it began: {error!r}"
        return
    begin.wait()
    try:
        if verb == "send":
            reply = ftp.storbinary(f"STOR {path}", Content(data, pause), CHUNK)
        else:
            digest = hashlib.sha256()

            def take(chunk):
                if pause:
                    time.sleep(pause)
                digest.update(chunk)

            reply = ftp.retrbinary(f"RETR {path}", take, CHUNK)
            if digest.digest() != hashlib.sha256(data).digest():
                reply = None
        results[number] = f"done {reply}" if reply else "failed with other bytes"
    except ftplib.error_temp as error:
        results[number] = f"{'refused' if str(error)[:3] == '450' else 'failed'} {error}"
    except Exception as error:
        results[number] = f"failed {error!r}"
    try:
        # The session lives, whatever became of the transfer.
        ftp.voidcmd("NOOP")
        ftp.quit()
    except Exception as error:
        results[number] = f"failed after its transfer: {error!r}"


def main():
    verb, count, size, slow = sys.argv[1], *map(int, sys.argv[2:5])
    begin, results = threading.Barrier(count), ["failed"] * count
    threads = [
        threading.Thread(
            target=session,
            args=(number, verb, size, 0.02 if number < slow else 0, begin, results),
        )
        for number in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(results))


if __name__ == "__main__":
    main()
