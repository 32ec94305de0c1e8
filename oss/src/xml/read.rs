//! Answers.

use roxmltree::{Document, Node, ParsingOptions};

use super::{MAX_ANSWER, MAX_ERROR, bounds};
use crate::encode;
use crate::error::{ProtocolError, Result, one_line};
use crate::time;
use crate::types::{
    BucketInfo, BucketPage, BucketSummary, CompletedUpload, Copied, DeletedKey, InitiatedUpload,
    ObjectPage, ObjectSummary, Owner, PartPage, PartSummary, Region, UploadPage, UploadSummary,
};

/// An error answer. `fields` has all that is not one of the named elements, the string to sign among them: it is not
/// for logs.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorDocument {
    /// `Code`.
    pub code: String,
    /// `Message`.
    pub message: String,
    /// `RequestId`.
    pub request_id: String,
    /// `HostId`.
    pub host_id: String,
    /// `EC`.
    pub ec: String,
    /// All other elements, in their order.
    pub fields: Vec<(String, String)>,
}

/// Reads an error answer. `None` if it is none: empty, cut off, HTML of a proxy, too long.
#[must_use]
pub fn error_document(body: &[u8]) -> Option<ErrorDocument> {
    let text = std::str::from_utf8(body).ok()?;
    if text.len() > MAX_ERROR {
        return None;
    }
    let document = parse(text, "Error").ok()?;
    let mut out = ErrorDocument::default();
    for node in document.root_element().children().filter(Node::is_element) {
        let value = content(node).trim().to_owned();
        match node.tag_name().name() {
            "Code" => out.code = value,
            "Message" => out.message = value,
            "RequestId" => out.request_id = value,
            "HostId" => out.host_id = value,
            "EC" => out.ec = value,
            name => out.fields.push((name.to_owned(), value)),
        }
    }
    (!out.code.is_empty()).then_some(out)
}

/// Reads an answer of ListObjectsV2 or ListObjects.
///
/// # Errors
/// [`ProtocolError::BadXml`], here and in all functions of this module.
pub fn object_page(body: &[u8]) -> Result<ObjectPage> {
    let text = utf8(body)?;
    let document = parse(text, "ListBucketResult")?;
    let root = Element::root(&document);
    let is_truncated = root.flag("IsTruncated");
    let next = match root.name("NextContinuationToken")? {
        Some(token) => Some(token),
        None => root.name("NextMarker")?,
    };
    let next = next.filter(|token| !token.is_empty());
    if is_truncated && next.is_none() {
        return Err(bad("a truncated page without a next one"));
    }
    Ok(ObjectPage {
        name: root.text("Name"),
        prefix: root.name("Prefix")?.unwrap_or_default(),
        delimiter: root.name("Delimiter")?.unwrap_or_default(),
        start_after: root.name("StartAfter")?,
        marker: root.name("Marker")?,
        continuation_token: root.name("ContinuationToken")?,
        max_keys: root.number("MaxKeys")?,
        key_count: root.number("KeyCount")?,
        is_truncated,
        next,
        objects: root.each("Contents", object)?,
        common_prefixes: root.each("CommonPrefixes", |node| node.required_name("Prefix"))?,
    })
}

fn object(node: &Element<'_, '_>) -> Result<ObjectSummary> {
    Ok(ObjectSummary {
        key: node.required_name("Key")?,
        size: node.number("Size")?.ok_or_else(|| bad("no Size"))?,
        last_modified: node.time("LastModified")?,
        etag: node.text("ETag"),
        kind: node.filled("Type"),
        storage_class: node.filled("StorageClass"),
        restore: node.filled("RestoreInfo"),
        owner: node.owner(),
    })
}

/// Reads an answer of ListBuckets.
///
/// # Errors
/// As [`object_page`].
pub fn bucket_page(body: &[u8]) -> Result<BucketPage> {
    let text = utf8(body)?;
    let document = parse(text, "ListAllMyBucketsResult")?;
    let root = Element::root(&document);
    let is_truncated = root.flag("IsTruncated");
    let next = root.filled("NextMarker");
    if is_truncated && next.is_none() {
        return Err(bad("a truncated page without a next one"));
    }
    let buckets = match root.child("Buckets") {
        Some(list) => list.each("Bucket", bucket)?,
        None => Vec::new(),
    };
    Ok(BucketPage {
        prefix: root.optional("Prefix"),
        marker: root.optional("Marker"),
        max_keys: root.number("MaxKeys")?,
        is_truncated,
        next,
        owner: root.owner(),
        buckets,
    })
}

fn bucket(node: &Element<'_, '_>) -> Result<BucketSummary> {
    let location = node.text("Location");
    Ok(BucketSummary {
        name: node.required("Name")?,
        region: node
            .filled("Region")
            .unwrap_or_else(|| region_of(&location)),
        created: node.time("CreationDate")?,
        extranet_endpoint: node.text("ExtranetEndpoint"),
        intranet_endpoint: node.text("IntranetEndpoint"),
        storage_class: node.text("StorageClass"),
        location,
    })
}

/// The region id of a location: `oss-cn-hangzhou` is in `cn-hangzhou`.
fn region_of(location: &str) -> String {
    location.strip_prefix("oss-").unwrap_or(location).to_owned()
}

/// Reads an answer of GetBucketInfo.
///
/// # Errors
/// As [`object_page`].
pub fn bucket_info(body: &[u8]) -> Result<BucketInfo> {
    let text = utf8(body)?;
    let document = parse(text, "BucketInfo")?;
    let node = Element::root(&document)
        .child("Bucket")
        .ok_or_else(|| bad("no Bucket"))?;
    Ok(BucketInfo {
        summary: bucket(&node)?,
        acl: node
            .child("AccessControlList")
            .map(|list| list.text("Grant"))
            .unwrap_or_default(),
        versioning: node.filled("Versioning"),
        hierarchical_namespace: node.filled("HierarchicalNamespace"),
        data_redundancy_type: node.filled("DataRedundancyType"),
        sse_algorithm: node
            .child("ServerSideEncryptionRule")
            .and_then(|rule| rule.filled("SSEAlgorithm"))
            .filter(|algorithm| algorithm != "None"),
        owner: node.owner(),
    })
}

/// Reads an answer of GetBucketLocation: the location, such as `oss-cn-hangzhou`.
///
/// # Errors
/// As [`object_page`].
pub fn bucket_location(body: &[u8]) -> Result<String> {
    let text = utf8(body)?;
    let document = parse(text, "LocationConstraint")?;
    let location = content(document.root_element()).trim().to_owned();
    if location.is_empty() {
        return Err(bad("an empty location"));
    }
    Ok(location)
}

/// Reads an answer of GetBucketAcl: the grant and the owner.
///
/// # Errors
/// As [`object_page`].
pub fn bucket_acl(body: &[u8]) -> Result<(String, Option<Owner>)> {
    let text = utf8(body)?;
    let document = parse(text, "AccessControlPolicy")?;
    let root = Element::root(&document);
    let list = root
        .child("AccessControlList")
        .ok_or_else(|| bad("no AccessControlList"))?;
    Ok((list.required("Grant")?, root.owner()))
}

/// Reads an answer of GetBucketVersioning: the state, if versioning was ever on.
///
/// # Errors
/// As [`object_page`].
pub fn versioning(body: &[u8]) -> Result<Option<String>> {
    let text = utf8(body)?;
    let document = parse(text, "VersioningConfiguration")?;
    Ok(Element::root(&document).filled("Status"))
}

/// Reads an answer of GetObjectTagging: pairs of name and value, in their order.
///
/// # Errors
/// As [`object_page`].
pub fn tagging(body: &[u8]) -> Result<Vec<(String, String)>> {
    let text = utf8(body)?;
    let document = parse(text, "Tagging")?;
    match Element::root(&document).child("TagSet") {
        Some(set) => set.each("Tag", |tag| {
            let value = tag.child("Value").map(|value| content(value.node));
            let name = tag.child("Key").map(|name| content(name.node));
            Ok((
                name.ok_or_else(|| bad("no Key"))?,
                value.unwrap_or_default(),
            ))
        }),
        None => Ok(Vec::new()),
    }
}

/// Reads an answer of InitiateMultipartUpload.
///
/// # Errors
/// As [`object_page`].
pub fn initiate_result(body: &[u8]) -> Result<InitiatedUpload> {
    let text = utf8(body)?;
    let document = parse(text, "InitiateMultipartUploadResult")?;
    let root = Element::root(&document);
    Ok(InitiatedUpload {
        bucket: root.text("Bucket"),
        key: root.name("Key")?.unwrap_or_default(),
        upload_id: root.required("UploadId")?,
    })
}

/// Reads an answer of CompleteMultipartUpload.
///
/// # Errors
/// As [`object_page`].
pub fn complete_result(body: &[u8]) -> Result<CompletedUpload> {
    let text = utf8(body)?;
    let document = parse(text, "CompleteMultipartUploadResult")?;
    let root = Element::root(&document);
    Ok(CompletedUpload {
        bucket: root.text("Bucket"),
        key: root.name("Key")?.unwrap_or_default(),
        etag: root.text("ETag"),
        location: root.text("Location"),
    })
}

/// Reads an answer of ListParts.
///
/// # Errors
/// As [`object_page`].
pub fn part_page(body: &[u8]) -> Result<PartPage> {
    let text = utf8(body)?;
    let document = parse(text, "ListPartsResult")?;
    let root = Element::root(&document);
    let is_truncated = root.flag("IsTruncated");
    let next = root.number("NextPartNumberMarker")?;
    if is_truncated && next.is_none() {
        return Err(bad("a truncated page without a next one"));
    }
    Ok(PartPage {
        bucket: root.text("Bucket"),
        key: root.name("Key")?.unwrap_or_default(),
        upload_id: root.text("UploadId"),
        marker: root.number("PartNumberMarker")?,
        max_parts: root.number("MaxParts")?,
        is_truncated,
        next,
        parts: root.each("Part", |node| {
            Ok(PartSummary {
                number: node
                    .number("PartNumber")?
                    .ok_or_else(|| bad("no PartNumber"))?,
                size: node.number("Size")?.ok_or_else(|| bad("no Size"))?,
                etag: node.text("ETag"),
                last_modified: node.time("LastModified")?,
                crc64: node.number("HashCrc64ecma")?,
            })
        })?,
    })
}

/// Reads an answer of ListMultipartUploads.
///
/// # Errors
/// As [`object_page`].
pub fn upload_page(body: &[u8]) -> Result<UploadPage> {
    let text = utf8(body)?;
    let document = parse(text, "ListMultipartUploadsResult")?;
    let root = Element::root(&document);
    let filled = |name: Option<String>| name.filter(|text| !text.is_empty());
    let is_truncated = root.flag("IsTruncated");
    let next_key_marker = filled(root.name("NextKeyMarker")?);
    if is_truncated && next_key_marker.is_none() {
        return Err(bad("a truncated page without a next one"));
    }
    Ok(UploadPage {
        bucket: root.text("Bucket"),
        prefix: root.name("Prefix")?.unwrap_or_default(),
        delimiter: root.name("Delimiter")?.unwrap_or_default(),
        key_marker: root.name("KeyMarker")?.unwrap_or_default(),
        upload_id_marker: root.text("UploadIdMarker"),
        next_key_marker,
        next_upload_id_marker: root.filled("NextUploadIdMarker"),
        max_uploads: root.number("MaxUploads")?,
        is_truncated,
        uploads: root.each("Upload", |node| {
            Ok(UploadSummary {
                key: node.required_name("Key")?,
                upload_id: node.required("UploadId")?,
                initiated: node.time("Initiated")?,
            })
        })?,
        common_prefixes: root.each("CommonPrefixes", |node| node.required_name("Prefix"))?,
    })
}

/// Reads an answer of CopyObject or UploadPartCopy.
///
/// # Errors
/// As [`object_page`].
pub fn copy_result(body: &[u8]) -> Result<Copied> {
    let text = utf8(body)?;
    let document = parse(text, "CopyObjectResult").or_else(|_| parse(text, "CopyPartResult"))?;
    let root = Element::root(&document);
    Ok(Copied {
        etag: root.required("ETag")?,
        last_modified: root.time("LastModified")?,
    })
}

/// Reads an answer of DeleteMultipleObjects. A quiet one is empty.
///
/// # Errors
/// As [`object_page`].
pub fn delete_result(body: &[u8]) -> Result<Vec<DeletedKey>> {
    let text = utf8(body)?;
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let document = parse(text, "DeleteResult")?;
    Element::root(&document).each("Deleted", |node| {
        Ok(DeletedKey {
            key: node.required_name("Key")?,
            delete_marker: node.flag("DeleteMarker"),
        })
    })
}

/// Reads an answer of DescribeRegions.
///
/// # Errors
/// As [`object_page`].
pub fn region_list(body: &[u8]) -> Result<Vec<Region>> {
    let text = utf8(body)?;
    let document = parse(text, "RegionInfoList")?;
    Element::root(&document).each("RegionInfo", |node| {
        Ok(Region {
            location: node.required("Region")?,
            internet_endpoint: node.text("InternetEndpoint"),
            internal_endpoint: node.text("InternalEndpoint"),
            accelerate_endpoint: node.text("AccelerateEndpoint"),
        })
    })
}

fn bad(what: &str) -> crate::Error {
    // The parser shows what it stumbled over.
    ProtocolError::BadXml(one_line(what.to_owned())).into()
}

fn utf8(body: &[u8]) -> Result<&str> {
    if body.len() > MAX_ANSWER {
        return Err(ProtocolError::TooLarge.into());
    }
    std::str::from_utf8(body).map_err(|_| bad("not UTF-8"))
}

fn parse<'a>(text: &'a str, root: &str) -> Result<Document<'a>> {
    // 1,000 entries of a dozen elements with text between them are some 50,000 nodes.
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: 500_000,
        ..ParsingOptions::default()
    };
    if !bounds::hold(text) {
        return Err(bad("too many attributes"));
    }
    let document =
        Document::parse_with_options(text, options).map_err(|error| bad(&error.to_string()))?;
    if document.root_element().tag_name().name() != root {
        return Err(bad("another root element"));
    }
    Ok(document)
}

/// All text of an element, also where comments or CDATA split it.
fn content(node: Node<'_, '_>) -> String {
    node.children()
        .filter(Node::is_text)
        .filter_map(|child| child.text())
        .collect()
}

/// An element, and whether names in this answer are percent-encoded.
#[derive(Clone, Copy)]
struct Element<'a, 'd> {
    node: Node<'a, 'd>,
    encoded: bool,
}

impl<'a, 'd> Element<'a, 'd> {
    fn root(document: &'a Document<'d>) -> Self {
        let mut root = Self {
            node: document.root_element(),
            encoded: false,
        };
        root.encoded = root.text("EncodingType") == "url";
        root
    }

    fn children(&self, name: &'static str) -> impl Iterator<Item = Self> + use<'a, 'd> {
        let encoded = self.encoded;
        self.node
            .children()
            .filter(move |child| child.is_element() && child.tag_name().name() == name)
            .map(move |node| Self { node, encoded })
    }

    fn child(&self, name: &'static str) -> Option<Self> {
        self.children(name).next()
    }

    fn each<T>(&self, name: &'static str, read: impl Fn(&Self) -> Result<T>) -> Result<Vec<T>> {
        self.children(name).map(|child| read(&child)).collect()
    }

    fn optional(&self, name: &'static str) -> Option<String> {
        self.child(name)
            .map(|child| content(child.node).trim().to_owned())
    }

    fn text(&self, name: &'static str) -> String {
        self.optional(name).unwrap_or_default()
    }

    fn filled(&self, name: &'static str) -> Option<String> {
        self.optional(name).filter(|text| !text.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<String> {
        self.filled(name).ok_or_else(|| bad(&format!("no {name}")))
    }

    /// Text that is percent-encoded if the answer says so. If not, it is a name as it stands, blanks included.
    fn name(&self, name: &'static str) -> Result<Option<String>> {
        let Some(child) = self.child(name) else {
            return Ok(None);
        };
        let text = content(child.node);
        if !self.encoded {
            return Ok(Some(text));
        }
        encode::decode(text.trim())
            .map(Some)
            .ok_or_else(|| bad(&format!("{name} is not UTF-8")))
    }

    fn required_name(&self, name: &'static str) -> Result<String> {
        self.name(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| bad(&format!("no {name}")))
    }

    fn flag(&self, name: &'static str) -> bool {
        self.text(name).eq_ignore_ascii_case("true")
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>> {
        self.filled(name)
            .map(|text| {
                text.parse()
                    .map_err(|_| bad(&format!("{name} is no number")))
            })
            .transpose()
    }

    fn time(&self, name: &'static str) -> Result<i64> {
        match self.filled(name) {
            Some(text) => time::parse_iso(&text).ok_or_else(|| bad(&format!("{name} is no time"))),
            None => Ok(0),
        }
    }

    fn owner(&self) -> Option<Owner> {
        self.child("Owner").map(|owner| Owner {
            id: owner.text("ID"),
            display_name: owner.text("DisplayName"),
        })
    }
}
