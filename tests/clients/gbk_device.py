"""A device that writes names in GBK, and a client that reads them in UTF-8.

Reads FTP_HOST, FTP_PORT, FTP_USER, FTP_PASSWORD and FTP_FOLDER from the environment. Ends with
"all done", or with a traceback and exit code 1.
"""

import ftplib
import io
import os

PICTURE = b"\xff\xd8 a picture \r\n\x00"


def connect(encoding):
    ftp = ftplib.FTP(encoding=encoding)
    ftp.connect(os.environ["FTP_HOST"], int(os.environ["FTP_PORT"]), timeout=120)
    ftp.login(os.environ["FTP_USER"], os.environ["FTP_PASSWORD"])
    return ftp


def fetch(ftp, name):
    got = io.BytesIO()
    ftp.retrbinary("RETR " + name, got.write)
    return got.getvalue()


def names(ftp, path=""):
    return sorted(name for name, facts in ftp.mlsd(path))


folder = "/" + os.environ["FTP_FOLDER"]

def gbk(name):
    """The name's bytes in GBK, for a connection that passes bytes as they are."""
    return name.encode("gbk").decode("latin-1")


# It never says what it speaks, and does not look at names in replies.
dumb = connect("latin-1")
try:
    dumb.mkd(folder)
except ftplib.error_perm:
    pass
dumb.cwd(folder)
made = dumb.sendcmd("MKD " + gbk("中文目录"))
assert made.startswith("257 "), made
dumb.storbinary("STOR " + gbk("中文目录/图片.jpg"), io.BytesIO(PICTURE))
assert fetch(dumb, gbk("中文目录/图片.jpg")) == PICTURE
# 图片.jpg alone is UTF-8 too, of other characters.
dumb.cwd(gbk("中文目录"))
assert dumb.size(gbk("图片.jpg")) == len(PICTURE)
assert fetch(dumb, gbk("图片.jpg")) == PICTURE
dumb.quit()

# A client of today.
modern = connect("utf-8")
modern.cwd(folder)
assert names(modern) == ["中文目录"], names(modern)
assert names(modern, "中文目录") == ["图片.jpg"]
assert fetch(modern, "中文目录/图片.jpg") == PICTURE
modern.mkd("中文目录/二号")
modern.rename("中文目录/图片.jpg", "中文目录/二号/图片.jpg")

# A device that says it.
device = connect("gbk")
device.sendcmd("OPTS UTF8 OFF")
device.cwd(folder + "/中文目录")
assert device.pwd() == folder + "/中文目录"
assert names(device) == ["二号"], names(device)
assert device.nlst("二号") == ["图片.jpg"]
device.cwd("二号")
assert fetch(device, "图片.jpg") == PICTURE
device.cwd("..")
device.storbinary("STOR 图片.jpg", io.BytesIO(PICTURE))
device.storbinary("STOR ../模", io.BytesIO(b"x"))
modern.cwd(folder)
assert names(modern) == ["中文目录", "模"], names(modern)

device.quit()
modern.quit()
print("all done")
