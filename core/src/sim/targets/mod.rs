//! What the other fuzz targets do with their bytes; [`fuzz`](super::fuzz) holds those that read
//! them as a client's.
//!
//! Here bytes are a source of choices: what they say becomes a value, a wire with its pieces, or
//! a conversation, and then a law is held against it. Any bytes are good ones, and the laws panic
//! where they do not hold; that is how a fuzzer hears of it. Where a law needs to know what is
//! right, it has a second reading of its own, slow and plain, that shares nothing with the code
//! it judges.

mod guesses;
mod knows;
mod lines;
mod listing;
mod model;
mod path;
mod pump;
mod source;
mod transfer;
mod values;

pub use lines::lines;
pub use listing::listing;
pub use model::session_model;
pub use path::path;
pub use transfer::transfer;
pub use values::command_value;
