"""Goes on with an upload that broke off: SIZE says from where, then REST and STOR.

Reads FTP_HOST, FTP_PORT, FTP_USER, FTP_PASSWORD and FTP_FOLDER from the environment. Arguments:
the file's name, and the local file. Prints what SIZE said.
"""

import ftplib
import os
import sys


def refused(ftp, command, code):
    try:
        ftp.sendcmd(command)
    except ftplib.error_perm as error:
        assert str(error).startswith(code), (command, error)
    else:
        raise AssertionError(f"{command} was done")


def main():
    name, local = sys.argv[1:]
    ftp = ftplib.FTP(encoding="utf-8")
    ftp.connect(os.environ["FTP_HOST"], int(os.environ["FTP_PORT"]), timeout=120)
    ftp.login(os.environ["FTP_USER"], os.environ["FTP_PASSWORD"])
    ftp.voidcmd("TYPE I")
    path = f"/{os.environ['FTP_FOLDER']}/{name}"
    size = ftp.size(path)
    print("size", size)
    assert f"size={size};" in ftp.sendcmd(f"MLST {path}").lower()
    ftp.voidcmd(f"MDTM {path}")
    # It is no file that anything else could be done with.
    for command in ("RNFR", "DELE", "SITE CPFR", "CWD"):
        refused(ftp, f"{command} {path}", "550")
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
