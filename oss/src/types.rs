//! What the answers of OSS say: plain data.
//!
//! Decides the shapes only. Times are Unix seconds, sizes bytes, keys raw text; ETags keep their double quotes.

/// The owner of a bucket or object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The account's id.
    pub id: String,
    /// Its name; usually the id again.
    pub display_name: String,
}

/// An object in a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectSummary {
    /// The key.
    pub key: String,
    /// The size.
    pub size: u64,
    /// When it was last written; 0 if the listing does not say.
    pub last_modified: i64,
    /// The ETag.
    pub etag: String,
    /// `Normal`, `Multipart`, `Appendable` or `Symlink`.
    pub kind: Option<String>,
    /// The storage class, such as `Standard` or `Archive`.
    pub storage_class: Option<String>,
    /// The state of a restore, such as `ongoing-request="true"`.
    pub restore: Option<String>,
    /// The owner, if asked for.
    pub owner: Option<Owner>,
}

/// One page of a listing of objects (ListObjectsV2, or ListObjects).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectPage {
    /// The bucket.
    pub name: String,
    /// The prefix that was asked for.
    pub prefix: String,
    /// The delimiter that was asked for.
    pub delimiter: String,
    /// Where the listing was asked to start, if it was.
    pub start_after: Option<String>,
    /// The marker of a ListObjects request.
    pub marker: Option<String>,
    /// The token of this page.
    pub continuation_token: Option<String>,
    /// How many entries were asked for.
    pub max_keys: Option<u32>,
    /// How many entries there are, prefixes included.
    pub key_count: Option<u32>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// The continuation token (for ListObjects: the marker) of the next page. Always there if there are more.
    pub next: Option<String>,
    /// The objects, in UTF-8 byte order.
    pub objects: Vec<ObjectSummary>,
    /// The prefixes up to the delimiter, in UTF-8 byte order.
    pub common_prefixes: Vec<String>,
}

/// A bucket in a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketSummary {
    /// The name.
    pub name: String,
    /// The location, such as `oss-cn-hangzhou`.
    pub location: String,
    /// The region id, such as `cn-hangzhou`.
    pub region: String,
    /// When it was created.
    pub created: i64,
    /// The public endpoint, without scheme.
    pub extranet_endpoint: String,
    /// The internal endpoint, without scheme.
    pub intranet_endpoint: String,
    /// The default storage class.
    pub storage_class: String,
}

/// One page of the list of buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketPage {
    /// The prefix that was asked for.
    pub prefix: Option<String>,
    /// The marker that was asked for.
    pub marker: Option<String>,
    /// How many were asked for.
    pub max_keys: Option<u32>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// The marker of the next page. Always there if there are more.
    pub next: Option<String>,
    /// The owner of all the buckets.
    pub owner: Option<Owner>,
    /// The buckets, in order of their names.
    pub buckets: Vec<BucketSummary>,
}

/// What GetBucketInfo says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketInfo {
    /// Name, location, endpoints and storage class.
    pub summary: BucketSummary,
    /// `private`, `public-read` or `public-read-write`.
    pub acl: String,
    /// `Enabled` or `Suspended` if versioning was ever on.
    pub versioning: Option<String>,
    /// `Enabled` if the bucket has a hierarchical namespace, with native rename.
    pub hierarchical_namespace: Option<String>,
    /// `LRS` or `ZRS`.
    pub data_redundancy_type: Option<String>,
    /// The default server-side encryption, such as `AES256`.
    pub sse_algorithm: Option<String>,
    /// The owner.
    pub owner: Option<Owner>,
}

impl BucketInfo {
    /// Whether files and directories of the bucket can be renamed natively ([`crate::Bucket::rename_object`]).
    #[must_use]
    pub fn has_hierarchical_namespace(&self) -> bool {
        let state = self.hierarchical_namespace.as_deref();
        state.is_some_and(|state| state.eq_ignore_ascii_case("enabled"))
    }
}

/// A started multipart upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InitiatedUpload {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The upload id.
    pub upload_id: String,
}

/// The XML of a completed multipart upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompletedUpload {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The ETag of the object: not an MD5.
    pub etag: String,
    /// The URL of the object.
    pub location: String,
}

/// A part in ListParts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartSummary {
    /// The part number, 1 to 10,000.
    pub number: u32,
    /// The size.
    pub size: u64,
    /// The ETag.
    pub etag: String,
    /// When it was uploaded.
    pub last_modified: i64,
    /// Its CRC-64, if the server says.
    pub crc64: Option<u64>,
}

/// One page of the parts of an upload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartPage {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The upload id.
    pub upload_id: String,
    /// The marker of this page.
    pub marker: Option<u32>,
    /// How many were asked for.
    pub max_parts: Option<u32>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// The marker of the next page: the number of the last part in this one.
    pub next: Option<u32>,
    /// The parts, by number.
    pub parts: Vec<PartSummary>,
}

/// An unfinished upload in ListMultipartUploads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadSummary {
    /// The key.
    pub key: String,
    /// The upload id.
    pub upload_id: String,
    /// When it was started.
    pub initiated: i64,
}

/// One page of the unfinished uploads of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UploadPage {
    /// The bucket.
    pub bucket: String,
    /// The prefix that was asked for.
    pub prefix: String,
    /// The delimiter that was asked for.
    pub delimiter: String,
    /// The key marker of this page.
    pub key_marker: String,
    /// The upload id marker of this page.
    pub upload_id_marker: String,
    /// The key marker of the next page.
    pub next_key_marker: Option<String>,
    /// The upload id marker of the next page.
    pub next_upload_id_marker: Option<String>,
    /// How many were asked for.
    pub max_uploads: Option<u32>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// The uploads, by key, then by time.
    pub uploads: Vec<UploadSummary>,
    /// The prefixes up to the delimiter.
    pub common_prefixes: Vec<String>,
}

/// The XML of a copied object or part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// The ETag of the copy.
    pub etag: String,
    /// Its time.
    pub last_modified: i64,
}

/// A key that DeleteMultipleObjects reports as deleted. One that did not exist is reported too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletedKey {
    /// The key.
    pub key: String,
    /// Whether a delete marker was made, in a bucket with versioning.
    pub delete_marker: bool,
}

/// A region in DescribeRegions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Region {
    /// The location, such as `oss-cn-hangzhou`.
    pub location: String,
    /// The public endpoint.
    pub internet_endpoint: String,
    /// The internal endpoint.
    pub internal_endpoint: String,
    /// The accelerate endpoint.
    pub accelerate_endpoint: String,
}
