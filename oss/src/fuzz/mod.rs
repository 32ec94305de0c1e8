//! What the fuzz targets do with their bytes.
//!
//! The functions live here and not in `fuzz/`, so that `cargo test` can replay the seeds without a fuzzer. They panic
//! where something is wrong; that is how a fuzzer hears of it.
//!
//! # The form of `oss_sign`'s seeds
//!
//! A request and who signs it, a field a line; a line that is none says nothing. All may be left out, and `query`,
//! `header` and `sign` may come more than once. What follows the word is percent-decoded, where it can be.
//!
//! | line | what it gives |
//! |---|---|
//! | `method WORD`, `bucket NAME`, `key KEY` | what the request is for |
//! | `query NAME=VALUE`, `query NAME` | a parameter |
//! | `header NAME:VALUE` | a header |
//! | `sign NAME` | a header that is to be signed though V4 does not ask for it |
//! | `id TEXT`, `secret TEXT`, `token TEXT` | the credentials |
//! | `at N`, `for N` | the time of signing in Unix seconds, and for how many seconds a URL is valid |
//! | `region NAME`, `product NAME` | the scope |

mod hash;
mod reference;
mod rewrite;
mod sign;
mod xml;

pub use sign::oss_sign;
pub use xml::oss_xml;
