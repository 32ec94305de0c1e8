"""The commands that ftplib has no methods for, each as a client sends it.

Reads FTP_HOST, FTP_PORT, FTP_USER, FTP_PASSWORD and FTP_FOLDER from the environment; the folder
is there and empty. Prints a line for each thing that held, and "all done"; or ends with a
traceback and exit code 1.
"""

import ftplib
import hashlib
import io
import os
import random
import re
import socket
import zlib

HOST, PORT = os.environ["FTP_HOST"], int(os.environ["FTP_PORT"])
USER, PASSWORD = os.environ["FTP_USER"], os.environ["FTP_PASSWORD"]
FOLDER = "/" + os.environ["FTP_FOLDER"]

NOISE = random.Random(3).randbytes(300_000)
TEXT = b"".join(b"line %d of the text\n" % number for number in range(5000))

ALGORITHMS = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "SHA-512": lambda data: hashlib.sha512(data).hexdigest(),
    "SHA-1": lambda data: hashlib.sha1(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data).hexdigest(),
    "CRC32": lambda data: f"{zlib.crc32(data):08x}",
}
VERBS = {
    "XCRC": "CRC32",
    "XMD5": "MD5",
    "XSHA": "SHA-1",
    "XSHA1": "SHA-1",
    "XSHA256": "SHA-256",
    "XSHA512": "SHA-512",
}


def connect():
    ftp = ftplib.FTP(encoding="utf-8")
    ftp.connect(HOST, PORT, timeout=60)
    return ftp


def login(ftp):
    ftp.login(USER, PASSWORD)
    ftp.cwd(FOLDER)
    ftp.voidcmd("TYPE I")
    return ftp


def refused(ftp, code, command):
    try:
        reply = ftp.sendcmd(command)
    except ftplib.Error as error:
        reply = str(error)
    assert reply.startswith(code), f"{command}: wanted {code}, got {reply}"
    return reply


def put(ftp, name, data, command="STOR"):
    return ftp.storbinary(f"{command} {name}".strip(), io.BytesIO(data))


def get(ftp, name):
    got = io.BytesIO()
    ftp.retrbinary("RETR " + name, got.write)
    return got.getvalue()


def raw(ftp, command):
    """All the bytes that come over the data connection."""
    data = ftp.transfercmd(command)
    got = b""
    while chunk := data.recv(65536):
        got += chunk
    data.close()
    assert ftp.voidresp().startswith("226")
    return got


def names(ftp, argument):
    return raw(ftp, "NLST " + argument).decode().split("\r\n")[:-1]


def features(ftp):
    lines = ftp.sendcmd("FEAT").split("\n")
    assert lines[0].startswith("211-") and lines[-1].startswith("211 "), lines
    assert all(line.startswith(" ") for line in lines[1:-1]), lines
    return [line[1:] for line in lines[1:-1]]


def before_login(ftp):
    listed = features(ftp)
    assert ftp.sendcmd("HOST example.com").startswith("220")
    assert ftp.sendcmd("CLNT a test").startswith("200")
    assert "name=OSS-FTP;" in ftp.sendcmd("CSID name=test; version=1;")
    assert ftp.sendcmd("LANG EN").startswith("200")
    assert ftp.sendcmd("OPTS UTF8 ON").startswith("200")
    refused(ftp, "504", "LANG fr")
    refused(ftp, "501", "HOST example.com:21")
    # There is no certificate.
    refused(ftp, "502", "AUTH TLS")
    refused(ftp, "502", "PBSZ 0")
    refused(ftp, "502", "PROT P")
    for command in ("SITE HELP", "HASH x", "MKD x", "STAT", "RANG 0 1", "MODE Z"):
        refused(ftp, "530", command)
    assert refused(ftp, "331", "USER " + USER)
    assert ftp.sendcmd("P@SW " + PASSWORD).startswith("230")
    refused(ftp, "503", "HOST example.com")
    assert features(ftp) == listed
    ftp.cwd(FOLDER)
    assert ftp.sendcmd("REIN").startswith("220")
    refused(ftp, "530", "PWD")
    login(ftp)


def what_is_listed(ftp):
    """FEAT, HELP and SITE HELP name what works, and nothing else."""
    listed = features(ftp)
    put(ftp, "f", b"abc")
    tries = {
        "HOST": ("503", "HOST x"),
        "MODE Z": ("200", "MODE Z"),
        "EPSV": ("229", "EPSV"),
        "EPRT": ("504", "EPRT |1|127.0.0.1|80|"),
        "REST STREAM": ("350", "REST 0"),
        "RANG STREAM": ("350", "RANG 1 0"),
        "SIZE": ("213", "SIZE f"),
        "MDTM": ("213", "MDTM f"),
        "MLST": ("250", "MLST f"),
        "HASH": ("213", "HASH f"),
        "XCRC": ("250", "XCRC f"),
        "XMD5": ("250", "XMD5 f"),
        "XSHA": ("250", "XSHA f"),
        "XSHA1": ("250", "XSHA1 f"),
        "XSHA256": ("250", "XSHA256 f"),
        "XSHA512": ("250", "XSHA512 f"),
        "MD5": ("251", "MD5 f"),
        "CLNT": ("200", "CLNT x"),
        "CSID": ("200", "CSID name=x;"),
        "LANG": ("200", "LANG"),
        "SITE MKDIR": ("250", "SITE MKDIR s/t"),
        "SITE RMDIR": ("250", "SITE RMDIR s"),
        "SITE COPY": ("200", "SITE COPY f g"),
        "SITE SYMLINK": ("200", "SITE SYMLINK f l"),
        "TVFS": ("250", "MLST " + FOLDER + "/./f"),
        "UTF8": ("200", "OPTS UTF8 ON"),
    }
    for line in listed:
        words = line.split(" ")
        code, command = tries.pop(line, None) or tries.pop(words[0])
        refused(ftp, code, command)
    assert not tries, f"not listed: {tries}"
    ftp.voidcmd("MODE S")

    site = ftp.sendcmd("SITE HELP")
    every = ftp.sendcmd("HELP").split("\n")[1:-1]
    for verb in " ".join(every).split():
        assert ftp.sendcmd("HELP " + verb).startswith("214 " + verb), verb
    # The storage keeps no times, knows no space and joins no files.
    for command in (
        "MFMT 20200101000000 f",
        "MFCT 20200101000000 f",
        "MFF modify=20200101000000; f",
        "AVBL",
        "COMB h f g",
        "SITE UTIME 20200101000000 f",
    ):
        refused(ftp, "502", command)
        verb = command.split()[:2] if command.startswith("SITE") else command.split()[:1]
        assert verb[-1] not in " ".join(listed + every) + site, verb
    reply = refused(ftp, "504", "SITE NOSUCH")
    assert "SITE HELP" in reply, reply
    # A link is a name of its own, and goes alone.
    ftp.delete("l")
    assert ftp.size("f") == 3
    ftp.delete("f")
    ftp.delete("g")


def hashes(ftp):
    put(ftp, "with space", NOISE)
    size = len(NOISE)
    for algorithm, digest in ALGORITHMS.items():
        assert ftp.sendcmd("OPTS HASH " + algorithm) == "200 " + algorithm
        whole = f"213 {algorithm} 0-{size - 1} {digest(NOISE)} with space"
        assert ftp.sendcmd("HASH with space") == whole
        assert ftp.sendcmd("RANG 1000 200000").startswith("350")
        part = digest(NOISE[1000:200001])
        assert ftp.sendcmd("HASH with space") == f"213 {algorithm} 1000-200000 {part} with space"
        # RANG was for that one alone.
        assert ftp.sendcmd("HASH with space") == whole
    for verb, algorithm in VERBS.items():
        digest = ALGORITHMS[algorithm]
        whole = f"250 {digest(NOISE).upper()}"
        assert ftp.sendcmd(f"{verb} with space") == whole
        assert ftp.sendcmd(f'{verb} "with space"') == whole
        # `to` is the first byte that is left out.
        part = f"250 {digest(NOISE[7:70007]).upper()}"
        assert ftp.sendcmd(f'{verb} "with space" 7 70007') == part
        refused(ftp, "501", f'{verb} "with space" 7 {size + 1}')
        refused(ftp, "550", f"{verb} nosuch")
    md5 = ALGORITHMS["MD5"](NOISE)
    assert ftp.sendcmd("MD5 with space") == f"251 with space {md5}"
    refused(ftp, "504", "OPTS HASH WHIRLPOOL")
    refused(ftp, "550", "HASH nosuch")
    ftp.sendcmd(f"RANG 0 {size}")
    refused(ftp, "551", "HASH with space")
    ftp.delete("with space")


def ranges(ftp):
    put(ftp, "f", NOISE)
    assert ftp.sendcmd("RANG 5 104").startswith("350")
    assert get(ftp, "f") == NOISE[5:105]
    assert get(ftp, "f") == NOISE
    assert ftp.sendcmd("RANG 5 104").startswith("350")
    assert ftp.sendcmd("RANG 1 0").startswith("350")
    assert get(ftp, "f") == NOISE
    refused(ftp, "501", "RANG 5 4")
    refused(ftp, "501", "RANG 0 18446744073709551616")
    for step in (lambda: get(ftp, "f"), lambda: put(ftp, "f", b"x")):
        ftp.sendcmd(f"RANG 10 {len(NOISE)}")
        try:
            step()
        except ftplib.error_perm as error:
            assert str(error).startswith("551"), error
        else:
            raise AssertionError("a range beyond the end")
    assert get(ftp, "f") == NOISE
    ftp.delete("f")


def unique_names(ftp):
    said = []
    sendcmd = ftp.sendcmd

    def noted(command):
        said.append(sendcmd(command))
        return said[-1]

    ftp.sendcmd = noted
    for command in ("STOU", "STOU report.txt", "STOU report.txt"):
        assert put(ftp, "", command.encode(), command).startswith("226")
        name = re.fullmatch(r"150 FILE: (.+)", said[-1]).group(1)
        assert get(ftp, name) == command.encode()
    ftp.sendcmd = sendcmd
    kept = ftp.nlst()
    assert len(kept) == 3 and "report.txt" in kept, kept
    for name in kept:
        ftp.delete(name)


def site(ftp):
    put(ftp, "a b", NOISE)
    assert ftp.sendcmd('SITE COPY "a b" c').startswith("200")
    assert ftp.sendcmd("SITE CPFR a b").startswith("350")
    assert ftp.sendcmd("SITE CPTO d e").startswith("250")
    assert get(ftp, "c") == get(ftp, "d e") == NOISE
    refused(ftp, "503", "SITE CPTO f")
    refused(ftp, "550", "SITE COPY nosuch x")
    refused(ftp, "501", "SITE COPY c")
    assert ftp.sendcmd("SITE MKDIR deep/er").startswith("250")
    refused(ftp, "550", "SITE MKDIR deep/er")
    assert ftp.sendcmd("SITE COPY c deep/er/c").startswith("200")
    refused(ftp, "550", "SITE RMDIR c")
    assert ftp.sendcmd("SITE RMDIR deep").startswith("250")
    refused(ftp, "550", "CWD deep")
    assert ftp.sendcmd("SITE CHMOD 644 c").startswith("200")
    refused(ftp, "550", "SITE CHMOD 644 nosuch")
    refused(ftp, "501", "SITE CHMOD rw c")
    assert ftp.sendcmd("SITE RESTORE c").startswith("250")
    refused(ftp, "550", "SITE RESTORE nosuch")
    assert "300 seconds" in ftp.sendcmd("SITE IDLE")
    assert "600 seconds" in ftp.sendcmd("SITE IDLE 600")
    refused(ftp, "501", "SITE IDLE 0")
    for name in ("a b", "c", "d e"):
        ftp.delete(name)


def patterns(ftp):
    ftp.mkd("dir")
    for name in ("one.txt", "two.txt", "a.log", "[x].txt", "dir/in.txt"):
        put(ftp, name, b"x")
    assert names(ftp, "*.txt") == ["[x].txt", "one.txt", "two.txt"]
    assert names(ftp, "-a *.txt") == ["[x].txt", "one.txt", "two.txt"]
    assert names(ftp, "[ot]*") == ["one.txt", "two.txt"]
    assert names(ftp, "???.txt") == ["[x].txt", "one.txt", "two.txt"]
    assert names(ftp, "dir/*") == ["dir/in.txt"]
    assert names(ftp, "*.nosuch") == []
    # A name that is there as it is written goes first.
    assert names(ftp, "[x].txt") == ["[x].txt"]
    lines = raw(ftp, "LIST *.log").decode().split("\r\n")
    assert len(lines) == 2 and lines[0].endswith(" a.log"), lines
    for name in ("one.txt", "two.txt", "a.log", "[x].txt", "dir/in.txt"):
        ftp.delete(name)
    ftp.rmd("dir")


def deflated(ftp):
    put(ftp, "plain", TEXT)
    listing = raw(ftp, "MLSD")
    assert ftp.sendcmd("OPTS MODE Z LEVEL 9").startswith("200")
    refused(ftp, "501", "OPTS MODE Z LEVEL 10")
    assert ftp.sendcmd("MODE Z").startswith("200")
    got = raw(ftp, "RETR plain")
    assert len(got) < len(TEXT) / 4, f"{len(got)} bytes"
    assert zlib.decompress(got) == TEXT
    assert zlib.decompress(raw(ftp, "MLSD")) == listing
    assert zlib.decompress(raw(ftp, "NLST")) == b"plain\r\n"
    for name, data in (("noise", NOISE), ("text", TEXT), ("empty", b"")):
        assert put(ftp, name, zlib.compress(data)).startswith("226")
        assert ftp.size(name) == len(data)
        assert zlib.decompress(raw(ftp, "RETR " + name)) == data
    ftp.sendcmd("RANG 10 20")
    assert zlib.decompress(raw(ftp, "RETR text")) == TEXT[10:21]
    ftp.sendcmd("REST 50000")
    assert zlib.decompress(raw(ftp, "RETR text")) == TEXT[50000:]
    ftp.voidcmd("TYPE A")
    assert zlib.decompress(raw(ftp, "RETR text")) == TEXT.replace(b"\n", b"\r\n")
    ftp.voidcmd("TYPE I")
    whole = zlib.compress(NOISE)
    for wrong in (b"no stream", whole[:-3], whole + b"more"):
        try:
            put(ftp, "wrong", wrong)
        except ftplib.error_temp as error:
            assert str(error).startswith("426"), error
        else:
            raise AssertionError("not a whole stream")
    ftp.voidcmd("MODE S")
    assert get(ftp, "noise") == NOISE
    assert sorted(ftp.nlst()) == ["empty", "noise", "plain", "text"]
    for name in ftp.nlst():
        ftp.delete(name)


def one_address_family(ftp):
    assert ftp.sendcmd("EPSV ALL").startswith("200")
    for command in ("PASV", "PORT 127,0,0,1,200,200", "EPRT |1|127.0.0.1|50000|"):
        refused(ftp, "501", command)
    ftp.sendcmd("EPSV")
    refused(ftp, "522", "EPSV 2")
    ftp.voidcmd("REIN")
    login(ftp)
    assert ftp.sendcmd("PASV").startswith("227")


def half_closed(*lines):
    """All at once and then the end, as `printf ... | nc -N` does it; what comes back."""
    control = socket.create_connection((HOST, PORT), timeout=60)
    control.sendall(b"".join(line + b"\r\n" for line in lines))
    control.shutdown(socket.SHUT_WR)
    got = b""
    while chunk := control.recv(65536):
        got += chunk
    control.close()
    return got.decode().split("\r\n")[:-1]


def pipelines(ftp):
    login_lines = [b"USER " + USER.encode(), b"PASS " + PASSWORD.encode()]
    cwd = b"CWD " + FOLDER.encode()
    said = half_closed(*login_lines, cwd, b"MKD x", b"PWD", b"RMD x", b"NOSUCH", b"QUIT")
    codes = [line[:4] for line in said]
    expected = ["220 ", "331 ", "230 ", "250 ", "257 ", "257 ", "250 ", "500 ", "221 "]
    assert codes == expected, said
    # Without QUIT too.
    said = half_closed(*login_lines, cwd, b"MKD y")
    assert [line[:3] for line in said][:5] == ["220", "331", "230", "250", "257"], said
    assert ftp.nlst() == ["y"]
    ftp.rmd("y")
    for line in (b"GET / HTTP/1.1", b"POST / HTTP/1.0"):
        said = half_closed(line, b"Host: example.com", b"", *login_lines)
        assert [line[:4] for line in said] == ["220 ", "421 "], said


STEPS = (
    before_login,
    what_is_listed,
    hashes,
    ranges,
    unique_names,
    site,
    patterns,
    deflated,
    one_address_family,
    pipelines,
)


def main():
    ftp = connect()
    for step in STEPS:
        step(ftp)
        assert ftp.nlst() == [], step.__name__
        print(step.__name__, flush=True)
    ftp.quit()
    print("all done")


if __name__ == "__main__":
    main()
