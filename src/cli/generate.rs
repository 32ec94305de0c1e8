//! The value of `--generate`: many small objects for the dev store to make at the start.

/// Objects to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generate {
    /// Where.
    pub(crate) bucket: String,
    /// What their keys begin with.
    pub(crate) prefix: String,
    /// How many.
    pub(crate) count: u64,
}

/// Reads `BUCKET:PREFIX:COUNT`. A prefix may hold colons; a bucket and a number may not.
pub(super) fn parse(text: &str) -> Result<Generate, &'static str> {
    let parts = || {
        let (bucket, rest) = text.split_once(':')?;
        let (prefix, count) = rest.rsplit_once(':')?;
        let generate = Generate {
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            count: count.parse().ok()?,
        };
        Some(generate).filter(|_| !prefix.starts_with(['/', '\\']))
    };
    parts().ok_or("it is a bucket, a prefix without a slash before it, and a number, such as my-bucket:dir/:1000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bucket_prefix_and_count() {
        let expected = Generate {
            bucket: "b-1".to_owned(),
            prefix: "a:b/".to_owned(),
            count: 1_000_000,
        };
        assert_eq!(parse("b-1:a:b/:1000000"), Ok(expected));
        assert_eq!(parse("b-1::3").map(|made| made.prefix), Ok(String::new()));
        for wrong in ["b-1:3", "b-1:a:", "b-1:a:x", "b-1:/a:3", ""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
