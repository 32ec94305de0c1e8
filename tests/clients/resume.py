"""Goes on with an upload that broke off: SIZE says from where, then REST and STOR.

Reads FTP_HOST, FTP_PORT, FTP_USER, FTP_PASSWORD and FTP_FOLDER from the environment. Arguments:
the file's name, and the local file. Prints what SIZE said.
"""

import ftplib
import os
import sys


def main():
    name, local = sys.argv[1:]
    ftp = ftplib.FTP(encoding="utf-8")
    ftp.connect(os.environ["FTP_HOST"], int(os.environ["FTP_PORT"]), timeout=120)
    ftp.login(os.environ["FTP_USER"], os.environ["FTP_PASSWORD"])
    ftp.voidcmd("TYPE I")
    path = f"/{os.environ['FTP_FOLDER']}/{name}"
    size = ftp.size(path)
    print("size", size)
    # Any other offset is refused, and the reply says which one is right.
    with open(local, "rb") as file:
        try:
            ftp.storbinary(f"STOR {path}", file, rest=size - 1)
            raise AssertionError("a wrong offset was taken")
        except ftplib.error_perm as error:
            assert str(error).startswith("554") and f"byte {size}," in str(error), error
        file.seek(size)
        reply = ftp.storbinary(f"STOR {path}", file, rest=size)
        assert reply.startswith("226"), reply
    assert ftp.size(path) == os.path.getsize(local)
    ftp.quit()


if __name__ == "__main__":
    main()
