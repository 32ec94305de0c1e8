//! The OSS client against the bucket itself, no FTP: what `tests/real-oss` proves of it.

use crate::support::{World, noise};
use ossftp_oss::{
    Bucket, CompleteUpload, CompletedPart, CopyObject, GetObject, ListObjects, PartCopy, PutObject,
    SliceBody, crc64,
};
use std::io::Read;

/// The least size of a part that is not the last.
const PART: usize = 100 << 10;

fn put(bucket: &Bucket, key: &str, data: &[u8]) {
    let put = bucket.put_object(key, &mut SliceBody::new(data), &PutObject::default());
    assert_eq!(put.unwrap().crc64, crc64::checksum(data));
}

fn get(bucket: &Bucket, key: &str, range: Option<(u64, Option<u64>)>) -> Vec<u8> {
    let get = GetObject {
        range,
        ..GetObject::default()
    };
    let mut data = Vec::new();
    let mut body = bucket.get_object(key, &get).unwrap();
    body.read_to_end(&mut data).unwrap();
    data
}

#[test]
fn objects_with_hard_names() {
    let world = World::new("threads", "oss-objects");
    let (bucket, folder) = (world.bucket(), &world.folder);
    let data = noise(123_456, 1);
    for name in [
        "plain",
        "with space",
        "中文.txt",
        "a+b%20c#d?e&f=g",
        "'quo\"te'",
        "-x//y/",
    ] {
        let key = format!("{folder}/{name}");
        put(&bucket, &key, &data);
        let meta = bucket.head_object(&key).unwrap();
        assert_eq!(
            (meta.size, meta.crc64),
            (data.len() as u64, Some(crc64::checksum(&data)))
        );
        assert!(get(&bucket, &key, None) == data, "{name}");
        assert!(
            get(&bucket, &key, Some((1000, None))) == data[1000..],
            "{name}"
        );
        assert!(
            get(&bucket, &key, Some((5, Some(9)))) == data[5..10],
            "{name}"
        );
    }
    assert_eq!(world.keys().len(), 6);

    let page = ListObjects {
        prefix: format!("{folder}/"),
        delimiter: "/".into(),
        max_keys: Some(2),
        ..ListObjects::default()
    };
    let page = bucket.list_objects_v2(&page).unwrap();
    assert_eq!(page.objects.len() + page.common_prefixes.len(), 2);
    assert!(page.next.is_some());

    let copy = CopyObject {
        source_key: format!("{folder}/a+b%20c#d?e&f=g"),
        ..CopyObject::default()
    };
    bucket
        .copy_object(&format!("{folder}/copy"), &copy)
        .unwrap();
    assert!(get(&bucket, &format!("{folder}/copy"), None) == data);

    bucket.delete_object(&format!("{folder}/copy")).unwrap();
    let gone = bucket.head_object(&format!("{folder}/copy")).unwrap_err();
    assert!(gone.is_not_found(), "{gone}");
    let keys: Vec<String> = world
        .keys()
        .iter()
        .map(|name| format!("{folder}/{name}"))
        .collect();
    assert_eq!(bucket.delete_objects(&keys).unwrap().len(), 6);
    assert_eq!(world.keys(), [""; 0]);
}

#[test]
fn multipart_uploads() {
    let world = World::new("threads", "oss-multipart");
    let (bucket, folder) = (world.bucket(), &world.folder);
    let data = noise(3 * PART + 17, 2);
    let source = format!("{folder}/source");
    put(&bucket, &source, &data);

    let key = format!("{folder}/parts");
    let upload = bucket
        .initiate_multipart(&key, &PutObject::default())
        .unwrap();
    assert_eq!(world.unfinished_uploads(), 1);
    let copy = PartCopy {
        source_key: source,
        range: (0, PART as u64 - 1),
        ..PartCopy::default()
    };
    let copied = bucket.upload_part_copy(&key, &upload, 1, &copy).unwrap();
    let mut parts = vec![CompletedPart {
        number: 1,
        etag: copied.etag,
    }];
    for (number, part) in (2..).zip(data[PART..].chunks(PART)) {
        let sent = bucket
            .upload_part(&key, &upload, number, &mut SliceBody::new(part))
            .unwrap();
        parts.push(CompletedPart {
            number,
            etag: sent.etag,
        });
    }
    let listed = bucket.list_parts(&key, &upload, None).unwrap();
    assert_eq!(listed.parts.len(), parts.len());
    let expect = CompleteUpload {
        size: data.len() as u64,
        crc64: Some(crc64::checksum(&data)),
        forbid_overwrite: false,
    };
    let done = bucket
        .complete_multipart(&key, &upload, &parts, &expect)
        .unwrap();
    assert_eq!(done.crc64, expect.crc64);
    assert!(get(&bucket, &key, None) == data);

    let upload = bucket
        .initiate_multipart(&key, &PutObject::default())
        .unwrap();
    bucket.abort_multipart(&key, &upload).unwrap();
    assert_eq!(world.unfinished_uploads(), 0);
}

#[test]
fn the_bucket_itself() {
    let world = World::new("threads", "oss-bucket");
    let bucket = world.bucket();
    assert_eq!(bucket.info().unwrap().summary.name, world.key.bucket);
    assert!(bucket.location().unwrap().starts_with("oss-"));
    let page = bucket
        .client()
        .list_buckets(&world.key.bucket, None, 100)
        .unwrap();
    assert!(
        page.buckets
            .iter()
            .any(|found| found.name == world.key.bucket)
    );
}
