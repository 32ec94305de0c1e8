"""What the SDK scripts share: arguments, data, odd keys, checks."""

import argparse
import random
import sys
import urllib.request

HINT = "the official SDKs are missing: pip install oss2 alibabacloud-oss-v2 (or: pip install -r tests/python-sdk/requirements.txt)"

# Keys that a store gets wrong sooner than others. None has a `//` or a dot segment: urllib3 rewrites those.
ODD_KEYS = [
    "a b/c d.txt",
    "中文/文件.txt",
    "plus+sign",
    "per%cent",
    "per%20cent",
    "hash#tag",
    "question?mark&and=is",
    "quote'\"<&>",
    "tilde~dash-dot._",
    "trailing/",
    "emoji-😀",
    "semi;colon:at@",
]


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("endpoint", "id", "secret", "bucket", "region", "signature"):
        parser.add_argument("--" + name, required=True)
    return parser.parse_args()


def missing(error):
    print(f"{HINT} ({error})", file=sys.stderr)
    sys.exit(3)


def data(size, seed=1):
    return random.Random(seed).randbytes(size)


def equal(got, expected, what):
    if got != expected:
        shown = lambda value: repr(value)[:200]
        raise AssertionError(f"{what}: got {shown(got)}, expected {shown(expected)}")


def fetch(method, url, body=None, headers=None):
    """Uses a presigned URL as a stranger would, without any SDK."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    with urllib.request.urlopen(request) as response:
        return response.status, response.read()
