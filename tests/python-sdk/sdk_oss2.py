"""Exercises the store with oss2, the older official SDK. Exit code 0: all as expected."""

import hashlib
import sys

import common
from common import ODD_KEYS, data, equal, fetch

try:
    import oss2
    import oss2.models
except ImportError as error:
    common.missing(error)

args = common.arguments()
if args.signature == "v4":
    auth = oss2.AuthV4(args.id, args.secret)
    wrong = oss2.AuthV4(args.id, args.secret + "x")
    unknown = oss2.AuthV4("nobody", args.secret)
else:
    auth = oss2.Auth(args.id, args.secret)
    wrong = oss2.Auth(args.id, args.secret + "x")
    unknown = oss2.Auth("nobody", args.secret)


def bucket_as(auth, name=None):
    return oss2.Bucket(auth, args.endpoint, name or args.bucket, region=args.region)


bucket = bucket_as(auth)
service = oss2.Service(auth, args.endpoint, region=args.region)


def fails(kind, call, what):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{what}: no {kind.__name__}")


def buckets():
    names = [b.name for b in oss2.BucketIterator(service)]
    assert args.bucket in names, names
    info = bucket.get_bucket_info()
    equal((info.name, info.location), (args.bucket, "oss-" + args.region), "bucket info")
    equal(bucket.get_bucket_location().location, "oss-" + args.region, "location")
    equal(bucket.get_bucket_acl().acl, "private", "acl")
    other = bucket_as(auth, args.bucket + "-made")
    other.create_bucket()
    other.put_object("k", b"v")
    fails(oss2.exceptions.BucketNotEmpty, other.delete_bucket, "delete a full bucket")
    other.delete_object("k")
    other.delete_bucket()
    fails(oss2.exceptions.NoSuchBucket, other.get_bucket_info, "info of a deleted bucket")


def errors():
    fails(oss2.exceptions.SignatureDoesNotMatch, lambda: bucket_as(wrong).put_object("k", b"v"), "wrong secret")
    error = fails(oss2.exceptions.ServerError, lambda: bucket_as(unknown).get_object("k"), "unknown id")
    equal((error.status, error.code), (403, "InvalidAccessKeyId"), "unknown id")
    error = fails(oss2.exceptions.NoSuchKey, lambda: bucket.get_object("missing"), "missing key")
    equal(error.details["EC"], "0026-00000001", "EC")
    assert error.request_id, "no request id"
    error = fails(oss2.exceptions.ServerError, lambda: bucket.head_object("missing"), "head of a missing key")
    equal((error.status, error.code), (404, "NoSuchKey"), "head of a missing key")
    equal(bucket.object_exists("missing"), False, "object_exists")


def objects():
    body = data(300_000)
    headers = {"Content-Type": "text/x-test", "x-oss-meta-color": "blue", "Cache-Control": "no-cache"}
    result = bucket.put_object("dir/obj", body, headers=headers)
    md5 = hashlib.md5(body).hexdigest().upper()
    equal(result.etag, md5, "etag")
    assert result.crc is not None, "no crc"
    got = bucket.get_object("dir/obj")
    equal(got.read(), body, "get")
    equal(got.client_crc, got.server_crc, "crc of get")
    head = bucket.head_object("dir/obj")
    equal(head.content_length, len(body), "length")
    equal(head.content_type, "text/x-test", "type")
    equal(head.headers["x-oss-meta-color"], "blue", "meta")
    equal(head.headers["Cache-Control"], "no-cache", "cache-control")
    equal(head.object_type, "Normal", "object type")
    equal(bucket.get_object_meta("dir/obj").content_length, len(body), "meta length")

    equal(bucket.get_object("dir/obj", byte_range=(10, 19)).read(), body[10:20], "range")
    equal(bucket.get_object("dir/obj", byte_range=(299_990, None)).read(), body[299_990:], "open range")
    equal(bucket.get_object("dir/obj", byte_range=(None, 7)).read(), body[-7:], "suffix range")
    # Out of bounds without x-oss-range-behavior: the whole object and 200.
    got = bucket.get_object("dir/obj", byte_range=(299_990, 400_000))
    equal((got.status, got.read()), (200, body), "range out of bounds")
    standard = {"x-oss-range-behavior": "standard"}
    got = bucket.get_object("dir/obj", byte_range=(299_990, 400_000), headers=standard)
    equal((got.status, got.read()), (206, body[299_990:]), "clipped range")
    error = fails(
        oss2.exceptions.ServerError,
        lambda: bucket.get_object("dir/obj", byte_range=(300_000, 300_001), headers=standard),
        "range behind the end",
    )
    equal((error.status, error.code), (416, "InvalidRange"), "range behind the end")

    fails(oss2.exceptions.NotModified, lambda: bucket.get_object("dir/obj", headers={"If-None-Match": md5}), "if-none-match")
    fails(oss2.exceptions.PreconditionFailed, lambda: bucket.get_object("dir/obj", headers={"If-Match": "x"}), "if-match")
    error = fails(
        oss2.exceptions.ServerError,
        lambda: bucket.put_object("dir/obj", b"", headers={"x-oss-forbid-overwrite": "true"}),
        "forbid-overwrite",
    )
    equal((error.status, error.code), (409, "FileAlreadyExists"), "forbid-overwrite")
    error = fails(
        oss2.exceptions.ServerError,
        lambda: bucket.put_object("dir/md5", b"abc", headers={"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}),
        "wrong Content-MD5",
    )
    equal(error.code, "InvalidDigest", "wrong Content-MD5")
    equal(bucket.object_exists("dir/md5"), False, "nothing appeared")

    # A body of unknown length goes chunked.
    bucket.put_object("dir/chunked", (body[i : i + 7000] for i in range(0, len(body), 7000)))
    equal(bucket.get_object("dir/chunked").read(), body, "chunked")
    bucket.put_object("dir/empty", b"")
    equal(bucket.get_object("dir/empty").read(), b"", "empty")
    bucket.delete_object("dir/obj")
    bucket.delete_object("dir/obj")
    equal(bucket.object_exists("dir/obj"), False, "deleted")


def odd_keys():
    for index, key in enumerate(ODD_KEYS):
        bucket.put_object("odd/" + key, key.encode())
        equal(bucket.get_object("odd/" + key).read(), key.encode(), key)
    expected = sorted(("odd/" + key for key in ODD_KEYS), key=str.encode)
    equal([o.key for o in oss2.ObjectIterator(bucket, prefix="odd/", max_keys=3)], expected, "list of odd keys")
    equal([o.key for o in oss2.ObjectIteratorV2(bucket, prefix="odd/", max_keys=3)], expected, "list v2 of odd keys")
    bucket.copy_object(args.bucket, "odd/per%20cent", "odd/copy of + 中")
    equal(bucket.get_object("odd/copy of + 中").read(), b"per%20cent", "copy of an odd key")
    deleted = bucket.batch_delete_objects([*expected, "odd/copy of + 中", "odd/never there"])
    equal(len(deleted.deleted_keys), len(expected) + 2, "batch delete")
    equal([o.key for o in oss2.ObjectIterator(bucket, prefix="odd/")], [], "after the batch delete")
    # What urllib3 would collapse, oss2 sends as %2F.
    for key in ("dots/../x", "dots/./y"):
        bucket.put_object(key, b"d")
        equal(bucket.get_object(key).read(), b"d", key)
    equal([o.key for o in oss2.ObjectIterator(bucket, prefix="dots/")], ["dots/../x", "dots/./y"], "dot segments")
    bucket.batch_delete_objects(["dots/../x", "dots/./y"])


def listing():
    keys = [f"l/{d}/{n}" for d in "abc" for n in range(5)] + ["l/top1", "l/top2"]
    for key in keys:
        bucket.put_object(key, b"x")
    listed = list(oss2.ObjectIterator(bucket, prefix="l/", delimiter="/", max_keys=2))
    equal([o.key for o in listed if o.is_prefix()], ["l/a/", "l/b/", "l/c/"], "prefixes")
    equal([o.key for o in listed if not o.is_prefix()], ["l/top1", "l/top2"], "keys")
    page = bucket.list_objects(prefix="l/", delimiter="/", max_keys=1)
    equal((page.prefix_list, page.next_marker, page.is_truncated), (["l/a/"], "l/a/", True), "first page")
    page = bucket.list_objects_v2(prefix="l/", max_keys=4, start_after="l/b/3", fetch_owner=True)
    equal([o.key for o in page.object_list], ["l/b/4", "l/c/0", "l/c/1", "l/c/2"], "start-after")
    assert page.object_list[0].owner.id, "no owner"
    one = page.object_list[0]
    equal((one.size, one.type, one.storage_class), (1, "Normal", "Standard"), "entry")
    equal(one.etag, "9DD4E461268C8034F5C8564E155C67A6", "etag in the list")
    equal([o.key for o in oss2.ObjectIteratorV2(bucket, prefix="l/", max_keys=4)], sorted(keys), "all")
    equal(list(oss2.ObjectIterator(bucket, prefix="nothing/")), [], "a missing prefix")
    bucket.batch_delete_objects(keys)


def multipart():
    key, size = "mp/目标", 150 * 1024
    parts = [data(size, n) for n in range(3)]
    upload = bucket.init_multipart_upload(key, headers={"x-oss-meta-kind": "mp", "Content-Type": "text/mp"}).upload_id
    equal([(u.key, u.upload_id) for u in oss2.MultipartUploadIterator(bucket)], [(key, upload)], "uploads")
    done = []
    for number in (2, 1, 3):
        result = bucket.upload_part(key, upload, number, parts[number - 1])
        done.append(oss2.models.PartInfo(number, result.etag, size=size, part_crc=result.crc))
    listed = list(oss2.PartIterator(bucket, key, upload, max_parts=2))
    equal([(p.part_number, p.size) for p in listed], [(1, size), (2, size), (3, size)], "parts")
    error = fails(
        oss2.exceptions.ServerError,
        lambda: bucket.complete_multipart_upload(key, upload, [oss2.models.PartInfo(1, "00")]),
        "wrong etag",
    )
    equal(error.code, "InvalidPart", "wrong etag")
    done.sort(key=lambda part: part.part_number)
    result = bucket.complete_multipart_upload(key, upload, done)
    assert result.etag.endswith("-3"), result.etag
    got = bucket.get_object(key)
    equal(got.read(), b"".join(parts), "the parts in order")
    equal(got.client_crc, got.server_crc, "crc of the whole")
    head = bucket.head_object(key)
    equal((head.object_type, head.content_type, head.headers["x-oss-meta-kind"]), ("Multipart", "text/mp", "mp"), "head")
    equal(bucket.get_object(key, byte_range=(size - 2, size + 1)).read(), (parts[0] + parts[1])[size - 2 : size + 2], "across parts")

    target = "mp/copy"
    upload = bucket.init_multipart_upload(target).upload_id
    first = bucket.upload_part_copy(args.bucket, key, (0, 2 * size - 1), target, upload, 1)
    second = bucket.upload_part(target, upload, 2, b"tail")
    infos = [oss2.models.PartInfo(1, first.etag), oss2.models.PartInfo(2, second.etag)]
    bucket.complete_multipart_upload(target, upload, infos)
    equal(bucket.get_object(target).read(), parts[0] + parts[1] + b"tail", "upload_part_copy")

    upload = bucket.init_multipart_upload("mp/small").upload_id
    infos = [oss2.models.PartInfo(n, bucket.upload_part("mp/small", upload, n, b"x").etag) for n in (1, 2)]
    error = fails(oss2.exceptions.ServerError, lambda: bucket.complete_multipart_upload("mp/small", upload, infos), "small part")
    equal(error.code, "EntityTooSmall", "small part")
    error = fails(oss2.exceptions.ServerError, lambda: bucket.complete_multipart_upload("mp/small", upload, infos[::-1]), "order")
    # oss2 sorts the parts itself: what comes is still the size.
    assert error.code in ("EntityTooSmall", "InvalidPartOrder"), error.code
    bucket.abort_multipart_upload("mp/small", upload)
    fails(oss2.exceptions.NoSuchUpload, lambda: bucket.list_parts("mp/small", upload), "aborted")
    bucket.batch_delete_objects([key, target])


def copy_and_append():
    bucket.put_object("ca/src", b"hello", headers={"x-oss-meta-a": "1", "Content-Type": "text/a"})
    bucket.copy_object(args.bucket, "ca/src", "ca/dst")
    head = bucket.head_object("ca/dst")
    equal((head.headers["x-oss-meta-a"], head.content_type), ("1", "text/a"), "copied headers")
    replace = {"x-oss-metadata-directive": "REPLACE", "x-oss-meta-b": "2"}
    bucket.copy_object(args.bucket, "ca/src", "ca/src", headers=replace)
    head = bucket.head_object("ca/src")
    equal((head.headers.get("x-oss-meta-a"), head.headers["x-oss-meta-b"]), (None, "2"), "replaced headers")
    equal(bucket.get_object("ca/src").read(), b"hello", "copied onto itself")
    fails(
        oss2.exceptions.PreconditionFailed,
        lambda: bucket.copy_object(args.bucket, "ca/src", "ca/x", headers={"x-oss-copy-source-if-match": "0"}),
        "copy if-match",
    )

    result = bucket.append_object("ca/log", 0, b"one,")
    equal(result.next_position, 4, "next position")
    result = bucket.append_object("ca/log", 4, b"two", init_crc=result.crc)
    equal(result.next_position, 7, "next position")
    error = fails(oss2.exceptions.PositionNotEqualToLength, lambda: bucket.append_object("ca/log", 3, b"x"), "position")
    equal(error.next_position, 7, "the right position")
    fails(oss2.exceptions.ObjectNotAppendable, lambda: bucket.append_object("ca/src", 5, b"x"), "not appendable")
    got = bucket.get_object("ca/log")
    equal(got.read(), b"one,two", "appended")
    equal(got.client_crc, got.server_crc, "crc of the appended")
    equal(bucket.head_object("ca/log").object_type, "Appendable", "object type")
    bucket.batch_delete_objects(["ca/src", "ca/dst", "ca/log"])


def links_tags_and_archives():
    bucket.put_object("x/the target", b"content", headers={"x-oss-tagging": "a=1"})
    bucket.put_symlink("x/the target", "x/link")
    equal(bucket.get_symlink("x/link").target_key, "x/the target", "target")
    equal(bucket.get_object("x/link").read(), b"content", "through the link")
    equal(bucket.get_object_tagging("x/the target").tag_set.tagging_rule, {"a": "1"}, "tags")
    rule = oss2.models.TaggingRule()
    rule.add("c", "3 中")
    bucket.put_object_tagging("x/the target", oss2.models.Tagging(rule))
    equal(bucket.get_object_tagging("x/the target").tag_set.tagging_rule, {"c": "3 中"}, "other tags")
    bucket.delete_object_tagging("x/the target")
    equal(bucket.get_object_tagging("x/the target").tag_set.tagging_rule, {}, "no tags")

    bucket.put_object("x/cold", b"cold", headers={"x-oss-storage-class": "Archive"})
    error = fails(oss2.exceptions.ServerError, lambda: bucket.get_object("x/cold"), "frozen")
    equal((error.status, error.code), (403, "InvalidObjectState"), "frozen")
    equal(bucket.restore_object("x/cold").status, 202, "restore")
    equal(bucket.get_object("x/cold").read(), b"cold", "restored")
    equal(bucket.get_object_meta("x/cold").content_length, 4, "meta")

    bucket.put_object_acl("x/the target", oss2.OBJECT_ACL_PRIVATE)
    equal(bucket.get_object_acl("x/the target").acl, "private", "acl")
    bucket.batch_delete_objects(["x/the target", "x/link", "x/cold"])


def urls():
    key = "url/a b+中.txt"
    headers = {"Content-Type": "text/plain", "x-oss-meta-via": "url"}
    url = bucket.sign_url("PUT", key, 60, headers=headers, slash_safe=True)
    equal(fetch("PUT", url, b"by url", headers)[0], 200, "put by url")
    equal(bucket.head_object(key).headers["x-oss-meta-via"], "url", "meta by url")
    url = bucket.sign_url("GET", key, 60, params={"response-content-type": "x/y"})
    equal(fetch("GET", url), (200, b"by url"), "get by url")
    try:
        fetch("GET", bucket_as(wrong).sign_url("GET", key, 60))
    except common.urllib.error.HTTPError as error:
        equal(error.code, 403, "url signed with a wrong secret")
    else:
        raise AssertionError("a url signed with a wrong secret works")
    bucket.delete_object(key)


for step in (buckets, errors, objects, odd_keys, listing, multipart, copy_and_append, links_tags_and_archives, urls):
    print(f"oss2 {args.signature}: {step.__name__}", flush=True)
    step()
equal([o.key for o in oss2.ObjectIterator(bucket)], ["dir/chunked", "dir/empty"], "what is left")
bucket.batch_delete_objects(["dir/chunked", "dir/empty"])
print("ok")
sys.exit(0)
