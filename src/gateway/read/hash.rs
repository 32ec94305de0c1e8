//! Checksums of files: HASH, XCRC, XMD5 and their like.
//!
//! Decides what is taken from OSS's word and what is computed. OSS states the CRC-64 of the whole
//! of every object, old ones excepted, and the MD5 of one that came in a single PutObject; all
//! else, and every range, is read once from end to end.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ossftp_core::digest::{Digest, hex_upper};
use ossftp_core::driver::ObjectReader;
use ossftp_core::{Answer, ErrorKind, FtpPath, HashAlgorithm, StorageError};
use ossftp_oss::ObjectMeta;

use crate::gateway::errors::{Action, is_missing, told};
use crate::gateway::mount::{Calls, Mount};
use crate::gateway::read::OssReader;
use crate::gateway::volume::no_file;

/// The hash of the file at `path`, or of its bytes from `range.0`, inclusive, to `range.1`,
/// exclusive.
///
/// The object cannot change in the middle: what follows the first answer asks for the same ETag.
/// What is read as a whole is compared with OSS's own CRC-64.
pub(crate) fn hash(
    mount: &Mount,
    calls: Calls,
    path: &FtpPath,
    algorithm: HashAlgorithm,
    range: Option<(u64, u64)>,
) -> Result<Answer, StorageError> {
    let may_be_known = matches!(algorithm, HashAlgorithm::Crc64 | HashAlgorithm::Md5);
    if range.is_none() && !may_be_known {
        return digest(OssReader::open(mount, calls, path, 0)?, algorithm);
    }
    let key = mount.keys.file(path)?;
    let meta = match calls.bucket().head_object(&key) {
        Ok(meta) => meta,
        Err(error) if is_missing(&error) => return Err(no_file(mount, path)),
        Err(error) => return Err(told(&error, Action::Read)),
    };
    if range.is_none()
        && let Some(digest) = known(&meta, algorithm)
    {
        let bytes = meta.size;
        return Ok(Answer::Hash { digest, bytes });
    }
    let (from, to) = range.unwrap_or((0, meta.size));
    if from > to || to > meta.size {
        return Err(StorageError::new(
            ErrorKind::BadOffset,
            format!(
                "The range ends beyond the end of the file, at {}.",
                meta.size
            ),
        ));
    }
    digest(
        OssReader::described(mount, calls, key, meta, (from, to))?,
        algorithm,
    )
}

/// What OSS says of the whole object.
fn known(meta: &ObjectMeta, algorithm: HashAlgorithm) -> Option<Vec<u8>> {
    match algorithm {
        HashAlgorithm::Crc64 => meta.crc64.map(|crc| crc.to_be_bytes().to_vec()),
        HashAlgorithm::Md5 => simple_md5(meta),
        _ => None,
    }
}

/// The MD5 of an object that came in one PutObject. The ETag alone does not tell: that of a copy
/// may be something else, and so may that of an encrypted object. Where the Content-MD5 that OSS
/// checked at the upload says the same, it is the MD5.
fn simple_md5(meta: &ObjectMeta) -> Option<Vec<u8>> {
    if meta.object_type.as_deref() != Some("Normal") {
        return None;
    }
    let md5 = STANDARD.decode(meta.content_md5.as_deref()?).ok()?;
    let etag = meta.etag.trim_matches('"');
    (md5.len() == 16 && hex_upper(&md5).eq_ignore_ascii_case(etag)).then_some(md5)
}

/// Reads to the end.
fn digest(mut reader: OssReader, algorithm: HashAlgorithm) -> Result<Answer, StorageError> {
    let (mut digest, mut bytes) = (Digest::new(algorithm), 0);
    loop {
        let chunk = reader.fill()?;
        let count = chunk.len();
        if count == 0 {
            let digest = digest.finish();
            return Ok(Answer::Hash { digest, bytes });
        }
        digest.update(chunk);
        bytes += count as u64;
        reader.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As HEAD describes an object of `abc`.
    fn abc() -> ObjectMeta {
        let mut meta = ObjectMeta::default();
        meta.size = 3;
        meta.etag = "\"900150983CD24FB0D6963F7D28E17F72\"".to_owned();
        meta.content_md5 = Some("kAFQmDzST7DWlj99KOF/cg==".to_owned());
        meta.object_type = Some("Normal".to_owned());
        meta
    }

    #[test]
    fn an_md5_must_be_said_twice() {
        let md5 = simple_md5(&abc()).unwrap();
        assert_eq!(hex_upper(&md5), "900150983CD24FB0D6963F7D28E17F72");
        let cases: [fn(&mut ObjectMeta); 6] = [
            |meta| meta.object_type = None,
            |meta| meta.object_type = Some("Multipart".to_owned()),
            |meta| meta.content_md5 = None,
            |meta| meta.content_md5 = Some("no base64".to_owned()),
            |meta| meta.etag = "\"900150983CD24FB0D6963F7D28E17F73\"".to_owned(),
            |meta| meta.etag.clear(),
        ];
        for change in cases {
            let mut meta = abc();
            change(&mut meta);
            assert_eq!(simple_md5(&meta), None, "{meta:?}");
        }
    }

    #[test]
    fn a_crc64_is_one_number() {
        let mut meta = abc();
        assert_eq!(known(&meta, HashAlgorithm::Crc64), None);
        meta.crc64 = Some(1);
        let crc64 = known(&meta, HashAlgorithm::Crc64).unwrap();
        assert_eq!(crc64, [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(known(&meta, HashAlgorithm::Sha256), None);
    }
}
