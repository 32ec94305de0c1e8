"""Signs requests with both official SDKs. Reads a JSON list from standard input, writes one with what each SDK says.

For a header signature that is the value of `Authorization`, for a URL the URL. An SDK that is known to do a kind of
request wrong says nothing of it: null.
"""

import datetime
import email.utils
import json
import sys
from urllib.parse import quote

import common

try:
    import oss2
    import oss2.auth
    import oss2.http
    import oss2.utils
    from alibabacloud_oss_v2.signer.v1 import SignerV1
    from alibabacloud_oss_v2.signer.v4 import SignerV4
    from alibabacloud_oss_v2.types import Credentials, HttpRequest, SigningContext
    from oss2.credentials import StaticCredentialsProvider
    from requests.structures import CaseInsensitiveDict
except ImportError as error:
    common.missing(error)

URL = "https://host.example/path"


class Clock:
    """What oss2 takes for the modules `time` and `datetime`."""

    now = 0

    @classmethod
    def time(cls):
        return cls.now

    @classmethod
    def utcnow(cls):
        return datetime.datetime.fromtimestamp(cls.now, datetime.timezone.utc).replace(tzinfo=None)


oss2.auth.time = Clock
oss2.auth.datetime = Clock
oss2.utils.http_date = lambda: email.utils.formatdate(Clock.now, usegmt=True)


def by_oss2(case):
    Clock.now = case["at"]
    provider = StaticCredentialsProvider(case["id"], case["secret"], case["token"] or "")
    auth = (oss2.auth.ProviderAuth if case["version"] == "v1" else oss2.auth.ProviderAuthV4)(provider)
    request = oss2.http.Request(
        case["method"], URL, params={name: value or "" for name, value in case["query"]},
        headers=dict(case["headers"]), region=case["region"], product=case["product"],
    )
    where = (case["bucket"] or "", case["key"] or "")
    # Names that the request does not have are the caller's business with this SDK.
    present = {name.lower() for name, _ in case["headers"]}
    more = {name for name in case["additional"] if name.lower() in present}
    extra = {} if case["version"] == "v1" else {"in_additional_headers": more}
    if case["url"]:
        return auth._sign_url(request, *where, case["expires"], **extra)
    auth._sign_request(request, *where, **extra)
    return request.headers["authorization"]


def by_v2(case):
    if case["version"] == "v1":
        # It sends the token in a header of a wrong name, and knows fewer subresources.
        known, all_known = SignerV1._subresource_key_set, oss2.auth.ProviderAuth._subresource_key_set
        if case["token"] and not case["url"]:
            return None
        if any((name in known) != (name in all_known) for name, _ in case["query"]):
            return None
    pairs = [quote(name, safe="") + ("=" + quote(value, safe="") if value else "") for name, value in case["query"]]
    request = HttpRequest(case["method"], URL + ("?" + "&".join(pairs) if pairs else ""))
    request.headers = CaseInsensitiveDict(case["headers"])
    at = datetime.datetime.fromtimestamp(case["at"], datetime.timezone.utc)
    context = SigningContext(
        product=case["product"], region=case["region"], bucket=case["bucket"], key=case["key"], request=request,
        credentials=Credentials(case["id"], case["secret"], case["token"]),
        signing_time=at, additional_headers=set(case["additional"]),
    )
    context.auth_method_query = case["url"]
    context.expiration_time = at + datetime.timedelta(seconds=case["expires"])
    (SignerV1() if case["version"] == "v1" else SignerV4()).sign(context)
    return request.url if case["url"] else request.headers["Authorization"]


cases = json.load(sys.stdin)
json.dump([{"oss2": by_oss2(case), "v2": by_v2(case)} for case in cases], sys.stdout)
