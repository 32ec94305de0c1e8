//! The files of a login without a bucket: its root lists the account's buckets as directories.
//!
//! Decides how a path is split into a bucket and a path in it, when a bucket is entered (when it
//! is first asked for, as a login to it would be) and for how long, and what cannot be done
//! outside of one bucket: buckets are not made, removed or renamed here, and nothing goes from one
//! into another. All else is done by the bucket's own volume.

use std::sync::{Arc, Mutex};

use log::debug;
use ossftp_core::driver::{Cancel, Lister, ObjectReader, ObjectWriter, Volume};
use ossftp_core::{Answer, Entry, ErrorKind, FtpPath, Operation, StorageError, StoreMode};
use ossftp_oss::{AddressStyle, BucketPage, Client, Credentials, Endpoint, Error};

use crate::gateway::errors::{self, not_found, unsupported};
use crate::gateway::lock;
use crate::gateway::login::{Access, OssStorage, check_bucket_name};
use crate::gateway::process::cancel::Link;
use crate::gateway::process::recent::Recent;

/// How many buckets one session is in at a time.
const MAX_ENTERED: usize = 16;
/// How many buckets a page has at most.
const PAGE: u32 = 1000;

/// All buckets of one account.
pub(crate) struct AccountVolume {
    storage: OssStorage,
    credentials: Credentials,
    /// Asks for the account's buckets.
    client: Client,
    entered: Mutex<Recent<String, Arc<dyn Volume>>>,
}

/// Where a path leads.
enum Place {
    Root,
    /// A bucket, and the path in it.
    In(String, FtpPath),
}

impl AccountVolume {
    /// What these credentials see. `client` has been asked for buckets before.
    pub(crate) fn new(storage: OssStorage, credentials: Credentials, client: Client) -> Self {
        Self {
            storage,
            credentials,
            client,
            entered: Mutex::new(Recent::new(MAX_ENTERED)),
        }
    }

    /// The files of one bucket; the first time, its login.
    fn enter(&self, bucket: &str, cancel: &Cancel) -> Result<Arc<dyn Volume>, StorageError> {
        if check_bucket_name(bucket).is_err() {
            return Err(no_bucket());
        }
        if let Some(volume) = lock(&self.entered).get(bucket) {
            return Ok(Arc::clone(volume));
        }
        let access = Access::new(self.credentials.clone(), bucket);
        let volume = self.storage.enter(&access, cancel)?;
        lock(&self.entered).insert(bucket.to_owned(), Arc::clone(&volume));
        Ok(volume)
    }

    /// The bucket of a path in one, for a command that means something in it.
    fn inside(
        &self,
        path: &FtpPath,
        cancel: &Cancel,
    ) -> Result<(Arc<dyn Volume>, FtpPath), StorageError> {
        match place(path)? {
            Place::In(bucket, path) => Ok((self.enter(&bucket, cancel)?, path)),
            Place::Root => Err(root()),
        }
    }

    /// Does an operation on one path in its bucket.
    fn delegate(
        &self,
        path: &FtpPath,
        cancel: &Cancel,
        operation: impl FnOnce(FtpPath) -> Operation,
    ) -> Result<Answer, StorageError> {
        let (volume, path) = self.inside(path, cancel)?;
        volume.perform(&operation(path), cancel)
    }

    /// The same for two paths, which have to be in one bucket.
    fn delegate_two(
        &self,
        (from, to): (&FtpPath, &FtpPath),
        cancel: &Cancel,
        operation: impl FnOnce(FtpPath, FtpPath) -> Operation,
    ) -> Result<Answer, StorageError> {
        let (Place::In(bucket, from), Place::In(other, to)) = (place(from)?, place(to)?) else {
            return Err(root());
        };
        if from.is_root() {
            return Err(bad_name(
                "This is a bucket: buckets are made, renamed and removed in the OSS console only.",
            ));
        }
        if to.is_root() {
            return Err(bad_name(
                "The root holds buckets only: name the bucket too, as in /bucket/name.",
            ));
        }
        if bucket != other {
            return Err(bad_name(
                "Nothing goes from one bucket into another here: download it and upload it again.",
            ));
        }
        let volume = self.enter(&bucket, cancel)?;
        volume.perform(&operation(from, to), cancel)
    }

    fn list(&self, cancel: &Cancel) -> BucketLister {
        let link = Link::new(cancel);
        BucketLister {
            client: self.client.with_cancel(link.handle()),
            link,
            next: Some(None),
            ready: None,
        }
    }
}

impl Volume for AccountVolume {
    fn perform(&self, operation: &Operation, cancel: &Cancel) -> Result<Answer, StorageError> {
        use Operation as O;
        match operation {
            O::Stat(path) => match place(path)? {
                Place::Root => Ok(Answer::Entry(Entry::directory("", None))),
                Place::In(bucket, path) => {
                    let answer = self
                        .enter(&bucket, cancel)?
                        .perform(&O::Stat(path), cancel)?;
                    Ok(named(answer, &bucket))
                }
            },
            O::ChangeDirectory(path) => match place(path)? {
                Place::Root => Ok(Answer::Done),
                Place::In(bucket, path) => {
                    let volume = self.enter(&bucket, cancel)?;
                    volume.perform(&O::ChangeDirectory(path), cancel)
                }
            },
            O::MakeDirectory(path) | O::RemoveDirectory(path) | O::RemoveTree(path)
                if is_outside(path) =>
            {
                Err(StorageError::new(
                    ErrorKind::Denied,
                    "Buckets are made, renamed and removed in the OSS console only.",
                ))
            }
            O::Delete(path) | O::Restore(path) if is_outside(path) => Err(is_bucket()),
            O::Hash { path, .. } | O::SetFacts { path, .. } if is_outside(path) => Err(is_bucket()),
            O::MakeDirectory(path) => self.delegate(path, cancel, O::MakeDirectory),
            O::RemoveDirectory(path) => self.delegate(path, cancel, O::RemoveDirectory),
            O::RemoveTree(path) => self.delegate(path, cancel, O::RemoveTree),
            O::Delete(path) => self.delegate(path, cancel, O::Delete),
            O::Restore(path) => self.delegate(path, cancel, O::Restore),
            O::Space(path) => self.delegate(path, cancel, O::Space),
            O::List { path, limit } => match place(path)? {
                Place::Root => self.list(cancel).collect(*limit),
                Place::In(bucket, path) => {
                    let limit = *limit;
                    let list = O::List { path, limit };
                    self.enter(&bucket, cancel)?.perform(&list, cancel)
                }
            },
            O::SetFacts { path, changes } => self.delegate(path, cancel, |path| O::SetFacts {
                path,
                changes: *changes,
            }),
            O::Hash {
                path,
                algorithm,
                range,
            } => self.delegate(path, cancel, |path| O::Hash {
                path,
                algorithm: *algorithm,
                range: *range,
            }),
            O::Rename { from, to } => {
                self.delegate_two((from, to), cancel, |from, to| O::Rename { from, to })
            }
            O::Copy { from, to } => {
                self.delegate_two((from, to), cancel, |from, to| O::Copy { from, to })
            }
            O::Symlink { target, link } => {
                self.delegate_two((target, link), cancel, |target, link| O::Symlink {
                    target,
                    link,
                })
            }
            _ => Err(unsupported()),
        }
    }

    fn open_read(
        &self,
        path: &FtpPath,
        offset: u64,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectReader>, StorageError> {
        if is_outside(path) {
            return Err(is_bucket());
        }
        let (volume, path) = self.inside(path, cancel)?;
        volume.open_read(&path, offset, cancel)
    }

    fn open_write(
        &self,
        path: &FtpPath,
        mode: StoreMode,
        expected: Option<u64>,
        cancel: &Cancel,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        if is_outside(path) {
            return Err(bad_name("Files are in buckets only: enter one first."));
        }
        let (volume, path) = self.inside(path, cancel)?;
        volume.open_write(&path, mode, expected, cancel)
    }

    fn open_list(
        &self,
        path: &FtpPath,
        files_too: bool,
        cancel: &Cancel,
    ) -> Result<Box<dyn Lister>, StorageError> {
        match place(path)? {
            Place::Root => {
                let mut lister = self.list(cancel);
                lister.ready = lister.ask()?;
                Ok(Box::new(lister))
            }
            Place::In(bucket, path) => {
                let volume = self.enter(&bucket, cancel)?;
                volume.open_list(&path, files_too, cancel)
            }
        }
    }
}

/// The account's buckets, page by page.
struct BucketLister {
    client: Client,
    link: Link,
    /// The marker of the next page; the first has none.
    next: Option<Option<String>>,
    ready: Option<Vec<Entry>>,
}

impl BucketLister {
    fn ask(&mut self) -> Result<Option<Vec<Entry>>, StorageError> {
        if self.link.is_cancelled() {
            return Err(errors::cancelled());
        }
        let Some(marker) = self.next.take() else {
            return Ok(None);
        };
        let page = self.client.list_buckets("", marker.as_deref(), PAGE);
        let page = page.map_err(|error| told(&error))?;
        self.next = following(&page, marker.as_deref())?;
        let entry = |bucket: ossftp_oss::BucketSummary| Entry::directory(bucket.name, None);
        Ok(Some(page.buckets.into_iter().map(entry).collect()))
    }

    fn collect(mut self, limit: usize) -> Result<Answer, StorageError> {
        let mut entries = Vec::new();
        while entries.len() <= limit
            && let Some(page) = self.ask()?
        {
            entries.extend(page);
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        Ok(Answer::Listing {
            entries,
            more,
            directory: true,
            hidden: 0,
        })
    }
}

impl Lister for BucketLister {
    fn next_page(&mut self) -> Result<Option<Vec<Entry>>, StorageError> {
        match self.ready.take() {
            Some(page) => Ok(Some(page)),
            None => self.ask(),
        }
    }
}

/// The marker of the page after this one, if there is one.
fn following(
    page: &BucketPage,
    marker: Option<&str>,
) -> Result<Option<Option<String>>, StorageError> {
    if !page.is_truncated {
        return Ok(None);
    }
    match &page.next {
        Some(next) if Some(next.as_str()) != marker => Ok(Some(Some(next.clone()))),
        _ => Err(StorageError::new(
            ErrorKind::Unavailable,
            "The answer of OSS makes no sense: the listing does not go on.",
        )),
    }
}

/// Whether these credentials may list buckets: what a login without a bucket needs.
///
/// # Errors
/// Why not, in a sentence that helps.
pub(crate) fn check(client: &Client, endpoint: &Endpoint) -> Result<(), StorageError> {
    if endpoint.style() == AddressStyle::Cname {
        return Err(StorageError::new(
            ErrorKind::Denied,
            "The endpoint that is configured is one bucket's own: log in as AccessKeyId/bucket.",
        ));
    }
    match client.list_buckets("", None, 1) {
        Ok(_) => Ok(()),
        Err(error) => Err(told(&error)),
    }
}

fn told(error: &Error) -> StorageError {
    match error.service() {
        Some(service) if error.is_denied() && !error.is_bad_credentials() => {
            debug!("list of buckets: {service}: {}", service.message);
            errors::with_id(
                ErrorKind::Denied,
                "The access key may not list buckets: it needs the RAM action oss:ListBuckets. \
                 Without it, log in as AccessKeyId/bucket.",
                service,
            )
        }
        Some(service) if error.code() == "InvalidArgument" => errors::with_id(
            ErrorKind::Denied,
            "The region that is configured is not that of the endpoint.",
            service,
        ),
        _ => crate::gateway::login::told(error, ""),
    }
}

/// The first component of a path is the bucket.
fn place(path: &FtpPath) -> Result<Place, StorageError> {
    let mut components = path.components();
    let Some(bucket) = components.next() else {
        return Ok(Place::Root);
    };
    let bucket = std::str::from_utf8(bucket).map_err(|_| no_bucket())?;
    let within = path.relative().get(bucket.len()..).unwrap_or_default();
    let within = FtpPath::root().join(within).map_err(|_| not_found())?;
    Ok(Place::In(bucket.to_owned(), within))
}

/// Whether the path is no place for files: the root, or a bucket itself.
fn is_outside(path: &FtpPath) -> bool {
    path.components().nth(1).is_none()
}

/// A bucket's root has no name of its own.
fn named(answer: Answer, bucket: &str) -> Answer {
    match answer {
        Answer::Entry(entry) if entry.name.is_empty() => {
            Answer::Entry(Entry::directory(bucket, entry.modified))
        }
        answer => answer,
    }
}

fn no_bucket() -> StorageError {
    StorageError::new(ErrorKind::NotFound, "No such bucket.")
}

fn is_bucket() -> StorageError {
    StorageError::new(
        ErrorKind::IsADirectory,
        "The root holds buckets and no files: name the bucket too, as in /bucket/name.",
    )
}

fn root() -> StorageError {
    StorageError::new(
        ErrorKind::Denied,
        "The root holds the account's buckets and nothing else.",
    )
}

fn bad_name(sentence: &str) -> StorageError {
    StorageError::new(ErrorKind::BadName, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> FtpPath {
        FtpPath::root().join(text.as_bytes()).unwrap()
    }

    #[test]
    fn the_first_name_is_the_bucket() {
        assert!(matches!(place(&at("/")), Ok(Place::Root)));
        for (path, within) in [("/b", "/"), ("/b/x", "/x"), ("/b/x/y z", "/x/y z")] {
            let Ok(Place::In(bucket, rest)) = place(&at(path)) else {
                panic!("{path}");
            };
            assert_eq!((bucket.as_str(), rest), ("b", at(within)));
        }
        let bytes = FtpPath::root().join(b"\xff/x").unwrap();
        assert_eq!(
            place(&bytes).err().map(|e| e.kind),
            Some(ErrorKind::NotFound)
        );
        assert!(is_outside(&at("/")) && is_outside(&at("/b")) && !is_outside(&at("/b/x")));
    }

    #[test]
    fn a_page_that_leads_to_itself_is_no_next_page() {
        let mut page = BucketPage::default();
        assert_eq!(following(&page, None), Ok(None));
        page.is_truncated = true;
        page.next = Some("b".to_owned());
        assert_eq!(following(&page, Some("a")), Ok(Some(Some("b".to_owned()))));
        assert!(following(&page, Some("b")).is_err());
        page.next = None;
        assert!(following(&page, None).is_err());
    }
}
