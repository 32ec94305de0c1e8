//! The table of settings in `docs/oss.md` is the one in the code.
//!
//! `UPDATE=1 cargo test -p oss-ftp --test settings` writes it anew.

use ossftp::config::{BUCKET, OSS};
use std::fmt::Write as _;
use std::path::Path;

const HEAD: &str = "| Setting | Default | |\n|---|---|---|\n";

fn table() -> String {
    let mut table = String::from(HEAD);
    for setting in OSS {
        let of_bucket = BUCKET.iter().any(|other| other.name == setting.name);
        let default = match setting.default {
            "" => String::new(),
            text => format!("`{text}`"),
        };
        let also = if of_bucket {
            "; also of a `[[bucket]]`"
        } else {
            ""
        };
        let _ = writeln!(
            table,
            "| `{}` | {default} | {}{also} |",
            setting.name, setting.help
        );
    }
    table
}

#[test]
fn the_manual_has_all_settings() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/oss.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let start = text.find(HEAD).expect("the table's head");
    let end = text[start..]
        .find("\n\n")
        .map_or(text.len(), |at| start + at + 1);
    let wanted = format!("{}{}{}", &text[..start], table(), &text[end..]);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text == wanted,
        "docs/oss.md is not what the table of settings says: run this test with UPDATE=1"
    );
}
