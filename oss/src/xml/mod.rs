//! The XML of OSS.
//!
//! Decides how answers are read and how request bodies are written. Answers come from outside: their size, their
//! number of nodes, attributes and namespaces and their DTDs are bounded, and names are matched without their namespace. What the values mean is
//! left to the client.

mod bounds;
mod read;
mod write;

pub use read::{
    ErrorDocument, bucket_acl, bucket_info, bucket_location, bucket_page, complete_result,
    copy_result, delete_result, error_document, initiate_result, object_page, part_page,
    region_list, tagging, upload_page, versioning,
};
#[cfg(feature = "fuzz")]
pub(crate) use write::escape;
pub(crate) use write::is_char;
pub use write::{complete_multipart_upload, delete_objects, put_tagging, restore_request};

/// The longest answer that is read: 1,000 keys of 1,023 encoded bytes need 4 MiB.
pub const MAX_ANSWER: usize = 8 << 20;

/// The longest error answer that is read.
pub const MAX_ERROR: usize = 64 << 10;
