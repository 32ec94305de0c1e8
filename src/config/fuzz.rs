//! What the fuzz target of the configuration file runs (`fuzz/fuzz_targets/config.rs`).

use super::{check, file};
use crate::gateway::GatewayConfig;

/// Reads any bytes as an `oss-ftp.toml`, and panics unless what is said of them holds: a mistake
/// has a line that is there, and one line of text without control characters; what is read is the
/// same whenever it is read; and whether the settings go together can be said.
///
/// # Panics
/// When one of these does not hold.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let read = || {
        let mut config = GatewayConfig::default();
        file::apply(text, &mut config).map(|()| config)
    };
    let first = read();
    assert_eq!(first, read(), "the same text was read in two ways");
    let sentence = match &first {
        Ok(config) => check(config).err(),
        Err(error) => {
            let lines = text.split('\n').count();
            assert!(error.line <= lines, "line {} of {lines}", error.line);
            Some(error.to_string())
        }
    };
    if let Some(sentence) = sentence {
        assert!(!sentence.is_empty(), "a mistake without a word");
        assert!(
            !sentence.contains(char::is_control),
            "not one line: {sentence:?}"
        );
    }
}
