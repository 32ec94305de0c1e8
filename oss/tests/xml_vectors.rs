//! Answers against the known readings in `tests/vectors`.

mod support;

use ossftp_oss::{BucketSummary, ObjectPage, Owner, ServiceError, xml};
use serde_json::{Value, json};
use support::{load, optional, text};

fn owner(owner: Option<&Owner>) -> Value {
    owner.map_or(
        Value::Null,
        |owner| json!({"id": owner.id, "display_name": owner.display_name}),
    )
}

/// Compares only what the record names: every name in `expect` must be in `got`.
fn check(id: &str, got: &Value, expect: &Value) {
    for (name, wanted) in expect.as_object().expect("expect") {
        assert_eq!(got.get(name), Some(wanted), "{id}: {name}");
    }
}

fn objects(page: &ObjectPage) -> Value {
    let contents: Vec<Value> = page
        .objects
        .iter()
        .map(|object| {
            json!({
                "key": object.key, "size": object.size, "last_modified_unix": object.last_modified,
                "etag": object.etag, "type": object.kind, "storage_class": object.storage_class,
                "owner": owner(object.owner.as_ref()), "restore_info": object.restore,
            })
        })
        .collect();
    json!({
        "name": page.name, "prefix": page.prefix, "delimiter": page.delimiter, "max_keys": page.max_keys,
        "is_truncated": page.is_truncated, "marker": page.marker, "next_marker": page.next,
        "start_after": page.start_after, "continuation_token": page.continuation_token,
        "next_continuation_token": page.next, "key_count": page.key_count,
        "contents": contents, "common_prefixes": page.common_prefixes,
    })
}

fn bucket(bucket: &BucketSummary) -> Value {
    json!({
        "name": bucket.name, "location": bucket.location, "region": bucket.region,
        "creation_unix": bucket.created, "extranet_endpoint": bucket.extranet_endpoint,
        "intranet_endpoint": bucket.intranet_endpoint, "storage_class": bucket.storage_class,
    })
}

fn read(api: &str, body: &[u8]) -> Value {
    match api {
        "ListObjects" | "ListObjectsV2" => objects(&xml::object_page(body).expect("page")),
        "ListBuckets" => {
            let page = xml::bucket_page(body).expect("page");
            json!({
                "prefix": page.prefix, "marker": page.marker, "max_keys": page.max_keys,
                "is_truncated": page.is_truncated, "next_marker": page.next,
                "owner": owner(page.owner.as_ref()),
                "buckets": page.buckets.iter().map(bucket).collect::<Vec<_>>(),
            })
        }
        "GetBucketLocation" => {
            let location = xml::bucket_location(body).expect("location");
            json!({"region": location.trim_start_matches("oss-"), "location": location})
        }
        "GetBucketAcl" => {
            let (acl, of) = xml::bucket_acl(body).expect("acl");
            json!({"acl": acl, "owner": owner(of.as_ref())})
        }
        "GetBucketInfo" => {
            let info = xml::bucket_info(body).expect("info");
            let mut value = bucket(&info.summary);
            let more = json!({
                "acl": info.acl, "versioning": info.versioning,
                "hierarchical_namespace": info.hierarchical_namespace,
                "data_redundancy_type": info.data_redundancy_type, "sse_algorithm": info.sse_algorithm,
                "owner": owner(info.owner.as_ref()),
            });
            let more = more.as_object().expect("object").clone();
            value.as_object_mut().expect("object").extend(more);
            value
        }
        _ => read_multipart(api, body),
    }
}

fn read_multipart(api: &str, body: &[u8]) -> Value {
    match api {
        "InitiateMultipartUpload" => {
            let upload = xml::initiate_result(body).expect("upload");
            json!({"bucket": upload.bucket, "key": upload.key, "upload_id": upload.upload_id})
        }
        "CompleteMultipartUpload" => {
            let done = xml::complete_result(body).expect("completed");
            json!({"bucket": done.bucket, "key": done.key, "etag": done.etag, "location": done.location})
        }
        "ListParts" => {
            let page = xml::part_page(body).expect("page");
            let parts: Vec<Value> = page
                .parts
                .iter()
                .map(|part| {
                    json!({
                        "number": part.number, "size": part.size, "etag": part.etag,
                        "last_modified_unix": part.last_modified,
                        "crc64": part.crc64.map(|crc| crc.to_string()),
                    })
                })
                .collect();
            json!({
                "bucket": page.bucket, "key": page.key, "upload_id": page.upload_id,
                "part_number_marker": page.marker, "next_part_number_marker": page.next,
                "max_parts": page.max_parts, "is_truncated": page.is_truncated, "parts": parts,
            })
        }
        "ListMultipartUploads" => {
            let page = xml::upload_page(body).expect("page");
            let uploads: Vec<Value> = page
                .uploads
                .iter()
                .map(|up| json!({"key": up.key, "upload_id": up.upload_id, "initiated_unix": up.initiated}))
                .collect();
            json!({
                "bucket": page.bucket, "prefix": page.prefix, "delimiter": page.delimiter,
                "key_marker": page.key_marker, "upload_id_marker": page.upload_id_marker,
                "next_key_marker": page.next_key_marker, "next_upload_id_marker": page.next_upload_id_marker,
                "max_uploads": page.max_uploads, "is_truncated": page.is_truncated, "uploads": uploads,
            })
        }
        "CopyObject" | "UploadPartCopy" => {
            let copied = xml::copy_result(body).expect("copied");
            json!({"etag": copied.etag, "last_modified_unix": copied.last_modified})
        }
        "DeleteMultipleObjects" => {
            let keys = xml::delete_result(body).expect("deleted");
            let keys: Vec<Value> = keys
                .iter()
                .map(|key| json!({"key": key.key, "delete_marker": key.delete_marker}))
                .collect();
            json!({"deleted": keys})
        }
        "DescribeRegions" => {
            let regions = xml::region_list(body).expect("regions");
            let regions: Vec<Value> = regions
                .iter()
                .map(|region| {
                    json!({
                        "region": region.location, "internet_endpoint": region.internet_endpoint,
                        "internal_endpoint": region.internal_endpoint,
                        "accelerate_endpoint": region.accelerate_endpoint,
                    })
                })
                .collect();
            json!({"regions": regions})
        }
        other => panic!("unknown API {other}"),
    }
}

#[test]
fn answers() {
    let (count, records) = load("xml_list.json");
    let mut ran = 0;
    for value in &records {
        let got = read(&text(value, "api"), text(value, "body").as_bytes());
        check(&text(value, "id"), &got, &value["expect"]);
        ran += 1;
    }
    assert_eq!(ran, count);
}

#[test]
fn errors() {
    let (count, records) = load("xml_error.json");
    let mut ran = 0;
    for value in &records {
        let id = text(value, "id");
        let expect = &value["expect"];
        let headers = value["headers"].as_object().expect("headers");
        let header = |name: &str| {
            headers
                .iter()
                .find(|(other, _)| other.eq_ignore_ascii_case(name))
                .and_then(|(_, value)| value.as_str().map(str::to_owned))
        };
        let status = u16::try_from(value["status"].as_u64().expect("status")).expect("fits");
        let error = ServiceError::read(status, header, text(value, "body").as_bytes());
        assert_eq!(error.status, status, "{id}");
        assert_eq!(error.code, text(expect, "code"), "{id}");
        assert_eq!(error.request_id, text(expect, "request_id"), "{id}");
        assert_eq!(error.ec, text(expect, "ec"), "{id}");
        assert_eq!(error.host_id, optional(expect, "host_id"), "{id}");
        if let Some(message) = optional(expect, "message") {
            assert_eq!(error.message, message, "{id}");
        }
        let fields = expect["fields"].as_object().expect("fields");
        let endpoint = fields.get("Endpoint").and_then(Value::as_str);
        assert_eq!(error.endpoint.as_deref(), endpoint, "{id}");
        if !text(value, "body").is_empty()
            && let Some(document) = xml::error_document(text(value, "body").as_bytes())
        {
            for (name, wanted) in fields {
                let got = document.fields.iter().find(|(other, _)| other == name);
                assert_eq!(
                    got.map(|(_, value)| value.as_str()),
                    wanted.as_str(),
                    "{id}: {name}"
                );
            }
        }
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("/examplebucket/?acl"), "{id}: {shown}");
        ran += 1;
    }
    assert_eq!(ran, count);
}

#[test]
fn hostile_answers_are_errors() {
    let bomb =
        "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><ListBucketResult><Name>&a;</Name></ListBucketResult>";
    let huge = vec![b' '; xml::MAX_ANSWER + 1];
    let many = format!(
        "<ListBucketResult>{}</ListBucketResult>",
        "<a/>".repeat(600_000)
    );
    let deep = format!("{}{}", "<a>".repeat(1_000_000), "</a>".repeat(1_000_000));
    for body in [
        b"".as_slice(),
        b"\xff",
        b"<html/>",
        b"<ListBucketResult>",
        bomb.as_bytes(),
        &huge,
        many.as_bytes(),
        deep.as_bytes(),
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>",
        b"<ListBucketResult><EncodingType>url</EncodingType><Prefix>%ff</Prefix></ListBucketResult>",
    ] {
        assert!(xml::object_page(body).is_err());
    }
}

#[test]
fn a_plus_in_an_encoded_name_is_a_plus() {
    let body = b"<ListBucketResult><EncodingType>url</EncodingType><Prefix>a+b%2Bc%20</Prefix></ListBucketResult>";
    assert_eq!(xml::object_page(body).unwrap().prefix, "a+b+c ");
}
