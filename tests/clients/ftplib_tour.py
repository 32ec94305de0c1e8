"""Python's ftplib walks through all that a client does with files and folders.

Reads FTP_HOST, FTP_PORT, FTP_USER, FTP_PASSWORD and FTP_FOLDER from the environment. Ends with
"all done", or with a traceback and exit code 1.
"""

import ftplib
import hashlib
import io
import os
import random

KIB = 1024
MIB = 1024 * KIB
SIZES = [0, 1, 99_999, 100 * KIB, 5 * MIB, 50 * MIB]


def connect():
    ftp = ftplib.FTP(encoding="utf-8")
    ftp.connect(os.environ["FTP_HOST"], int(os.environ["FTP_PORT"]), timeout=120)
    ftp.login(os.environ["FTP_USER"], os.environ["FTP_PASSWORD"])
    return ftp


def noise(size):
    return random.Random(size).randbytes(size)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def fetch(ftp, name, rest=None):
    got = io.BytesIO()
    ftp.retrbinary("RETR " + name, got.write, rest=rest)
    return got.getvalue()


def refused(code, action, *arguments):
    """The action must be answered by this code."""
    try:
        action(*arguments)
    except ftplib.Error as error:
        assert str(error).startswith(code), f"wanted {code}, got {error}"
    else:
        raise AssertionError(f"{action} {arguments} should have been {code}")


def enter_folder(ftp):
    ftp.cwd("/")
    for part in os.environ["FTP_FOLDER"].split("/"):
        if part not in ftp.nlst():
            ftp.mkd(part)
        ftp.cwd(part)


def files_of_all_sizes(ftp):
    for size in SIZES:
        name, data = f"file-{size}.bin", noise(size)
        reply = ftp.storbinary("STOR " + name, io.BytesIO(data))
        assert reply.startswith("226"), reply
        assert ftp.size(name) == size, ftp.size(name)
        got = fetch(ftp, name)
        assert sha256(got) == sha256(data), f"{name}: {len(got)} bytes, not the same"
        print("stored and fetched", size, "bytes")
    names = sorted(ftp.nlst())
    assert names == sorted(f"file-{size}.bin" for size in SIZES), names


def parts_of_a_file(ftp):
    data = noise(5 * MIB)
    for offset in (1, 4096, 5 * MIB - 1, 5 * MIB):
        got = fetch(ftp, "file-5242880.bin", rest=offset)
        assert got == data[offset:], f"from {offset}: {len(got)} bytes"
    refused("55", fetch, ftp, "file-5242880.bin", 5 * MIB + 1)
    print("fetched from offsets")


def facts(ftp):
    entries = dict(ftp.mlsd())
    for size in SIZES:
        fact = entries[f"file-{size}.bin"]
        assert fact["type"] == "file", fact
        assert int(fact["size"]) == size, fact
        modified = ftp.sendcmd(f"MDTM file-{size}.bin").split()[1]
        assert fact["modify"] == modified, (fact, modified)
    print("facts agree")


def renames(ftp):
    data = noise(99_999)
    ftp.rename("file-99999.bin", "renamed, with spaces.bin")
    refused("550", ftp.size, "file-99999.bin")
    assert fetch(ftp, "renamed, with spaces.bin") == data
    ftp.mkd("folder")
    refused("550", ftp.mkd, "folder")
    ftp.rename("renamed, with spaces.bin", "folder/inside 中文.bin")
    assert ftp.nlst("folder") in (["inside 中文.bin"], ["folder/inside 中文.bin"]), ftp.nlst("folder")
    ftp.rename("folder", "moved")
    assert fetch(ftp, "moved/inside 中文.bin") == data
    refused("550", ftp.cwd, "folder")
    refused("550", ftp.rename, "nothing", "something")
    print("renamed files and folders")


def abort(ftp):
    """ABOR in the middle of a download and of an upload, and the session goes on."""
    data = ftp.transfercmd("RETR file-52428800.bin")
    assert len(data.recv(KIB)) > 0
    end_of_abort(ftp, data)
    assert ftp.voidcmd("NOOP").startswith("200")

    data = ftp.transfercmd("STOR aborted.bin")
    data.sendall(noise(100 * KIB))
    end_of_abort(ftp, data)
    refused("550", ftp.size, "aborted.bin")
    assert fetch(ftp, "file-1.bin") == noise(1)
    print("aborted, and went on")


def end_of_abort(ftp, data):
    ftp.putline("ABOR")
    first = ftp.getmultiline()
    assert first[:3] in ("426", "226", "225"), first
    if first.startswith("426"):
        second = ftp.getmultiline()
        assert second[:3] in ("226", "225"), second
    data.close()


def deletions(ftp):
    refused("550", ftp.rmd, "moved")
    refused("550", ftp.delete, "never there")
    ftp.delete("moved/inside 中文.bin")
    refused("550", ftp.delete, "moved/inside 中文.bin")
    ftp.rmd("moved")
    refused("550", ftp.cwd, "moved")
    for size in SIZES:
        if size != 99_999:
            ftp.delete(f"file-{size}.bin")
    assert ftp.nlst() == [], ftp.nlst()
    print("deleted all")


def main():
    ftp = connect()
    enter_folder(ftp)
    files_of_all_sizes(ftp)
    parts_of_a_file(ftp)
    facts(ftp)
    renames(ftp)
    abort(ftp)
    deletions(ftp)
    ftp.quit()
    print("all done")


if __name__ == "__main__":
    main()
