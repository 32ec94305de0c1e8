//! Reading the vector files.

use serde_json::Value;

/// The `count` and the records of a file.
pub(crate) fn load(name: &str) -> (usize, Vec<Value>) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    let text = std::fs::read_to_string(path).expect("vector file");
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let count = file["count"].as_u64().expect("count");
    let records = file["records"].as_array().expect("records").clone();
    (usize::try_from(count).expect("fits"), records)
}

/// A string that must be there.
pub(crate) fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{name} in {value}"))
        .to_owned()
}

/// A string that may be absent or null.
#[allow(dead_code, reason = "not every test binary needs it")]
pub(crate) fn optional(value: &Value, name: &str) -> Option<String> {
    value[name].as_str().map(str::to_owned)
}

/// Ordered query pairs.
#[allow(dead_code, reason = "not every test binary needs it")]
pub(crate) fn pairs(value: &Value) -> Vec<(String, Option<String>)> {
    value
        .as_array()
        .expect("pairs")
        .iter()
        .map(|pair| {
            (
                pair[0].as_str().expect("name").to_owned(),
                pair[1].as_str().map(str::to_owned),
            )
        })
        .collect()
}
