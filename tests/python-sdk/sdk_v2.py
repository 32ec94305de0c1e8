"""Exercises the store with alibabacloud-oss-v2, the newer official SDK. Exit code 0: all as expected."""

import datetime
import hashlib
import sys

import common
from common import ODD_KEYS, data, equal, fetch

try:
    import alibabacloud_oss_v2 as oss
except ImportError as error:
    common.missing(error)

args = common.arguments()


def client_as(id, secret):
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(id, secret)
    config.region = args.region
    config.endpoint = args.endpoint
    config.signature_version = args.signature
    config.retry_max_attempts = 1
    if args.signature == "v4":
        config.additional_headers = ["range"]
    return oss.Client(config)


client = client_as(args.id, args.secret)
BUCKET = args.bucket


def fails(status, code, call, what):
    try:
        call()
    except oss.exceptions.OperationError as error:
        service = error.unwrap()
        equal((service.status_code, service.code), (status, code), what)
        return service
    raise AssertionError(f"{what}: no error")


def put(key, body, **more):
    return client.put_object(oss.PutObjectRequest(bucket=BUCKET, key=key, body=body, **more))


def get(key, **more):
    result = client.get_object(oss.GetObjectRequest(bucket=BUCKET, key=key, **more))
    with result.body as body:
        return result, body.read()


def keys_v2(**query):
    pages = client.list_objects_v2_paginator().iter_page(oss.ListObjectsV2Request(bucket=BUCKET, **query))
    return [o.key for page in pages for o in page.contents or []]


def batch_delete(keys):
    objects = [oss.DeleteObject(key=key) for key in keys]
    return client.delete_multiple_objects(
        oss.DeleteMultipleObjectsRequest(bucket=BUCKET, encoding_type="url", objects=objects)
    )


def buckets():
    pages = client.list_buckets_paginator().iter_page(oss.ListBucketsRequest())
    assert BUCKET in [b.name for page in pages for b in page.buckets]
    info = client.get_bucket_info(oss.GetBucketInfoRequest(bucket=BUCKET)).bucket_info
    equal((info.name, info.location, info.acl), (BUCKET, "oss-" + args.region, "private"), "bucket info")
    equal(client.get_bucket_location(oss.GetBucketLocationRequest(bucket=BUCKET)).location, "oss-" + args.region, "location")
    equal(client.get_bucket_acl(oss.GetBucketAclRequest(bucket=BUCKET)).acl, "private", "acl")
    equal(client.is_bucket_exist(BUCKET), True, "is_bucket_exist")
    equal(client.is_bucket_exist(BUCKET + "-not"), False, "is_bucket_exist")


def errors():
    fails(403, "SignatureDoesNotMatch", lambda: client_as(args.id, "wrong").get_bucket_acl(oss.GetBucketAclRequest(bucket=BUCKET)), "wrong secret")
    fails(403, "InvalidAccessKeyId", lambda: client_as("nobody", "x").get_bucket_acl(oss.GetBucketAclRequest(bucket=BUCKET)), "unknown id")
    error = fails(404, "NoSuchKey", lambda: get("missing"), "missing key")
    equal(error.ec, "0026-00000001", "EC")
    error = fails(404, "NoSuchKey", lambda: client.head_object(oss.HeadObjectRequest(bucket=BUCKET, key="missing")), "head")
    equal(error.ec, "0026-00000001", "EC of a head")


def objects():
    body = data(300_000)
    result = put("dir/obj", body, metadata={"color": "blue"}, content_type="text/x-test")
    equal(result.etag.strip('"'), hashlib.md5(body).hexdigest().upper(), "etag")
    assert result.hash_crc64, "no crc"
    equal(get("dir/obj")[1], body, "get")
    head = client.head_object(oss.HeadObjectRequest(bucket=BUCKET, key="dir/obj"))
    equal((head.content_length, head.content_type, head.metadata["color"]), (len(body), "text/x-test", "blue"), "head")
    equal(client.get_object_meta(oss.GetObjectMetaRequest(bucket=BUCKET, key="dir/obj")).content_length, len(body), "meta")
    result, part = get("dir/obj", range_header="bytes=10-19")
    equal((result.status_code, part), (206, body[10:20]), "range")
    result, part = get("dir/obj", range_header="bytes=299990-400000", range_behavior="standard")
    equal((result.status_code, part), (206, body[299_990:]), "clipped range")
    fails(416, "InvalidRange", lambda: get("dir/obj", range_header="bytes=300000-", range_behavior="standard"), "range")
    fails(412, "PreconditionFailed", lambda: get("dir/obj", if_match='"0"'), "if-match")
    fails(409, "FileAlreadyExists", lambda: put("dir/obj", b"", forbid_overwrite=True), "forbid-overwrite")
    put("dir/empty", b"")
    equal(get("dir/empty")[1], b"", "empty")
    for key in ("dir/obj", "dir/obj", "dir/empty"):
        equal(client.delete_object(oss.DeleteObjectRequest(bucket=BUCKET, key=key)).status_code, 204, "delete")


def odd_keys():
    for key in ODD_KEYS:
        put("odd/" + key, key.encode())
        equal(get("odd/" + key)[1], key.encode(), key)
    expected = sorted(("odd/" + key for key in ODD_KEYS), key=str.encode)
    equal(keys_v2(prefix="odd/", max_keys=3), expected, "list v2 of odd keys")
    pages = client.list_objects_paginator().iter_page(oss.ListObjectsRequest(bucket=BUCKET, prefix="odd/", max_keys=3))
    equal([o.key for page in pages for o in page.contents], expected, "list of odd keys")
    copy = oss.CopyObjectRequest(bucket=BUCKET, key="odd/copy + 中", source_bucket=BUCKET, source_key="odd/per%20cent")
    client.copy_object(copy)
    equal(get("odd/copy + 中")[1], b"per%20cent", "copy of an odd key")
    put("odd/control\x01", b"c")
    result = batch_delete([*expected, "odd/copy + 中", "odd/control\x01", "odd/never there"])
    equal(len(result.deleted_objects), len(expected) + 3, "batch delete")
    equal(keys_v2(prefix="odd/"), [], "after the batch delete")


def listing():
    keys = [f"l/{d}/{n}" for d in "abc" for n in range(5)] + ["l/top1", "l/top2"]
    for key in keys:
        put(key, b"x")
    pages = list(
        client.list_objects_v2_paginator().iter_page(
            oss.ListObjectsV2Request(bucket=BUCKET, prefix="l/", delimiter="/", max_keys=2)
        )
    )
    equal([p.prefix for page in pages for p in page.common_prefixes or []], ["l/a/", "l/b/", "l/c/"], "prefixes")
    equal([o.key for page in pages for o in page.contents or []], ["l/top1", "l/top2"], "keys")
    equal([page.key_count for page in pages], [2, 2, 1], "key counts")
    page = client.list_objects_v2(
        oss.ListObjectsV2Request(bucket=BUCKET, prefix="l/", start_after="l/b/3", max_keys=2, fetch_owner=True)
    )
    equal([o.key for o in page.contents], ["l/b/4", "l/c/0"], "start-after")
    equal((page.is_truncated, page.contents[0].size, page.contents[0].object_type), (True, 1, "Normal"), "entry")
    assert page.contents[0].owner.id, "no owner"
    batch_delete(keys)


def multipart():
    key, size = "mp/目标", 150 * 1024
    parts = [data(size, n) for n in range(3)]
    upload = client.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=BUCKET, key=key)).upload_id
    uploads = client.list_multipart_uploads(oss.ListMultipartUploadsRequest(bucket=BUCKET)).uploads
    equal([(u.key, u.upload_id) for u in uploads], [(key, upload)], "uploads")
    done = []
    for number, part in enumerate(parts, 1):
        request = oss.UploadPartRequest(bucket=BUCKET, key=key, part_number=number, upload_id=upload, body=part)
        done.append(oss.UploadPart(part_number=number, etag=client.upload_part(request).etag))
    pages = client.list_parts_paginator().iter_page(oss.ListPartsRequest(bucket=BUCKET, key=key, upload_id=upload, max_parts=2))
    equal([p.part_number for page in pages for p in page.parts], [1, 2, 3], "parts")

    def complete(key, upload, parts):
        request = oss.CompleteMultipartUploadRequest(
            bucket=BUCKET, key=key, upload_id=upload,
            complete_multipart_upload=oss.CompleteMultipartUpload(parts=parts),
        )
        return client.complete_multipart_upload(request)

    fails(400, "InvalidPartOrder", lambda: complete(key, upload, done[::-1]), "order")
    result = complete(key, upload, done)
    assert result.etag.strip('"').endswith("-3"), result.etag
    equal(get(key)[1], b"".join(parts), "the parts in order")
    fails(404, "NoSuchUpload", lambda: complete(key, upload, done), "completed twice")

    target = "mp/copy"
    upload = client.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=BUCKET, key=target)).upload_id
    first = client.upload_part_copy(
        oss.UploadPartCopyRequest(
            bucket=BUCKET, key=target, part_number=1, upload_id=upload,
            source_bucket=BUCKET, source_key=key, source_range=f"bytes=0-{2 * size - 1}",
        )
    )
    second = client.upload_part(oss.UploadPartRequest(bucket=BUCKET, key=target, part_number=2, upload_id=upload, body=b"tail"))
    complete(target, upload, [oss.UploadPart(part_number=1, etag=first.etag), oss.UploadPart(part_number=2, etag=second.etag)])
    equal(get(target)[1], parts[0] + parts[1] + b"tail", "upload_part_copy")

    upload = client.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(bucket=BUCKET, key="mp/gone")).upload_id
    abort = oss.AbortMultipartUploadRequest(bucket=BUCKET, key="mp/gone", upload_id=upload)
    equal(client.abort_multipart_upload(abort).status_code, 204, "abort")
    fails(404, "NoSuchUpload", lambda: client.abort_multipart_upload(abort), "aborted twice")
    batch_delete([key, target])


def append():
    result = client.append_object(oss.AppendObjectRequest(bucket=BUCKET, key="log", position=0, body=b"one,"))
    equal(result.next_position, 4, "next position")
    result = client.append_object(oss.AppendObjectRequest(bucket=BUCKET, key="log", position=4, body=b"two"))
    equal(result.next_position, 7, "next position")
    again = oss.AppendObjectRequest(bucket=BUCKET, key="log", position=4, body=b"two")
    fails(409, "PositionNotEqualToLength", lambda: client.append_object(again), "position")
    equal(get("log")[1], b"one,two", "appended")
    client.delete_object(oss.DeleteObjectRequest(bucket=BUCKET, key="log"))


def links_tags_and_archives():
    put("x/target", b"content", tagging="a=1&b=2")
    client.put_symlink(oss.PutSymlinkRequest(bucket=BUCKET, key="x/link", target="x/target"))
    equal(client.get_symlink(oss.GetSymlinkRequest(bucket=BUCKET, key="x/link")).target, "x/target", "target")
    result, body = get("x/link")
    equal((result.object_type, body), ("Symlink", b"content"), "through the link")
    fails(400, "NotSymlink", lambda: client.get_symlink(oss.GetSymlinkRequest(bucket=BUCKET, key="x/target")), "no link")

    def tags():
        found = client.get_object_tagging(oss.GetObjectTaggingRequest(bucket=BUCKET, key="x/target"))
        return [(tag.key, tag.value) for tag in found.tag_set.tags or []]

    equal(tags(), [("a", "1"), ("b", "2")], "tags")
    tagging = oss.Tagging(tag_set=oss.TagSet(tags=[oss.Tag(key="c", value="3")]))
    client.put_object_tagging(oss.PutObjectTaggingRequest(bucket=BUCKET, key="x/target", tagging=tagging))
    equal(tags(), [("c", "3")], "other tags")
    equal(get("x/target")[0].tagging_count, 1, "count of tags")
    client.delete_object_tagging(oss.DeleteObjectTaggingRequest(bucket=BUCKET, key="x/target"))
    equal(tags(), [], "no tags")

    put("x/cold", b"cold", storage_class="ColdArchive")
    fails(403, "InvalidObjectState", lambda: get("x/cold"), "frozen")
    parameters = oss.RestoreRequest(days=2, job_parameters=oss.JobParameters(tier="Expedited"))
    restore = oss.RestoreObjectRequest(bucket=BUCKET, key="x/cold", restore_request=parameters)
    equal(client.restore_object(restore).status_code, 202, "restore")
    result, body = get("x/cold")
    equal((result.storage_class, body), ("ColdArchive", b"cold"), "restored")
    fails(400, "OperationNotSupported", lambda: client.restore_object(oss.RestoreObjectRequest(bucket=BUCKET, key="x/target")), "never frozen")

    acl = oss.PutObjectAclRequest(bucket=BUCKET, key="x/target", acl="public-read")
    client.put_object_acl(acl)
    equal(client.get_object_acl(oss.GetObjectAclRequest(bucket=BUCKET, key="x/target")).acl, "public-read", "acl")
    batch_delete(["x/target", "x/link", "x/cold"])


def urls():
    key, expires = "url/a b+中.txt", datetime.timedelta(seconds=60)
    request = oss.PutObjectRequest(bucket=BUCKET, key=key, content_type="text/plain", metadata={"via": "url"})
    presigned = client.presign(request, expires=expires)
    status, _ = fetch(presigned.method, presigned.url, b"by url", dict(presigned.signed_headers))
    equal(status, 200, "put by url")
    presigned = client.presign(oss.GetObjectRequest(bucket=BUCKET, key=key), expires=expires)
    equal(fetch(presigned.method, presigned.url), (200, b"by url"), "get by url")
    client.delete_object(oss.DeleteObjectRequest(bucket=BUCKET, key=key))


for step in (buckets, errors, objects, odd_keys, listing, multipart, append, links_tags_and_archives, urls):
    print(f"alibabacloud_oss_v2 {args.signature}: {step.__name__}", flush=True)
    step()
equal(keys_v2(), [], "what is left")
print("ok")
sys.exit(0)
