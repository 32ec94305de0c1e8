//! Names in another character set than UTF-8.
//!
//! Inside, names are UTF-8 (RFC 2640 section 2.2). On the wire they may not be: the FTP of Windows
//! and many devices speak the character set of their country and never ask. [`Charset`] is one
//! such set; [`Names`] is the rule by which a session reads and writes names. When the rule
//! changes (`OPTS UTF8`), and what reply an unreadable name gets, is the session's matter.
//!
//! One law stands above the rest: a name is never turned into another one. What can't be said
//! exactly is not said at all.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::str::{self, FromStr};
use encoding_rs::{BIG5, Encoding, GB18030, GBK, SHIFT_JIS, WINDOWS_1252};

/// A character set for names. All of them hold ASCII unchanged, and none uses a control character
/// or `/` as a part of another character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Charset {
    /// Simplified Chinese as Windows writes it (code page 936); GB 2312 is a part of it. Four-byte
    /// forms of GB 18030 are understood, but never written.
    Gbk,
    /// All of Unicode, as a superset of GBK.
    Gb18030,
    /// Traditional Chinese (code page 950). The Hong Kong characters are understood, but not
    /// written.
    Big5,
    /// Japanese as Windows writes it (code page 932).
    ShiftJis,
    /// Western European, as Windows writes it (code page 1252). Every byte is a character: there
    /// is nothing that it can't read.
    Latin1,
}

impl Charset {
    /// All there are.
    pub const ALL: &[Self] = &[
        Self::Gbk,
        Self::Gb18030,
        Self::Big5,
        Self::ShiftJis,
        Self::Latin1,
    ];

    /// The name as people write it, such as `Shift-JIS`. [`Charset::from_str`] understands it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gbk => "GBK",
            Self::Gb18030 => "GB18030",
            Self::Big5 => "Big5",
            Self::ShiftJis => "Shift-JIS",
            Self::Latin1 => "Latin-1",
        }
    }

    /// Whether its characters beyond ASCII are made of several bytes.
    const fn has_pairs(self) -> bool {
        !matches!(self, Self::Latin1)
    }

    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Gbk => GBK,
            Self::Gb18030 => GB18030,
            Self::Big5 => BIG5,
            Self::ShiftJis => SHIFT_JIS,
            Self::Latin1 => WINDOWS_1252,
        }
    }

    /// The bytes as UTF-8; `None` if they are not well formed in this set.
    #[must_use]
    pub fn decode(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.encoding()
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(|text| text.into_owned().into_bytes())
    }

    /// The UTF-8 text in this set. `None` if it is not UTF-8, if a character has no form here, or
    /// if the form reads back as another text (`¥` would become `\` in Shift-JIS).
    #[must_use]
    pub fn encode(&self, utf8: &[u8]) -> Option<Vec<u8>> {
        let text = str::from_utf8(utf8).ok()?;
        let (bytes, _, replaced) = self.encoding().encode(text);
        (!replaced && self.decode(&bytes)? == utf8).then(|| bytes.into_owned())
    }
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Nobody here knows a character set of that name. Its text lists those that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownCharset;

impl fmt::Display for UnknownCharset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown character set; there are")?;
        for (i, charset) in Charset::ALL.iter().enumerate() {
            f.write_str(match i {
                0 => " ",
                _ if i + 1 == Charset::ALL.len() => " and ",
                _ => ", ",
            })?;
            f.write_str(charset.name())?;
        }
        Ok(())
    }
}

impl core::error::Error for UnknownCharset {}

impl FromStr for Charset {
    type Err = UnknownCharset;

    /// By any usual label (`gbk`, `cp936`, `Shift_JIS`, `iso-8859-1` …). Case, `-` and `_` do not
    /// count.
    ///
    /// # Errors
    /// [`UnknownCharset`] for every other name.
    fn from_str(label: &str) -> Result<Self, UnknownCharset> {
        /// Labels without `-` and `_`, in lower case.
        const LABELS: &[(&str, Charset)] = &[
            ("gbk", Charset::Gbk),
            ("gb2312", Charset::Gbk),
            ("cp936", Charset::Gbk),
            ("gb18030", Charset::Gb18030),
            ("big5", Charset::Big5),
            ("cp950", Charset::Big5),
            ("shiftjis", Charset::ShiftJis),
            ("sjis", Charset::ShiftJis),
            ("cp932", Charset::ShiftJis),
            ("windows31j", Charset::ShiftJis),
            ("latin1", Charset::Latin1),
            ("iso88591", Charset::Latin1),
            ("windows1252", Charset::Latin1),
            ("cp1252", Charset::Latin1),
        ];
        let spoken = || {
            let bytes = label.bytes().filter(|b| !matches!(b, b'-' | b'_'));
            bytes.map(|b| b.to_ascii_lowercase())
        };
        LABELS
            .iter()
            .find(|(known, _)| spoken().eq(known.bytes()))
            .map(|(_, charset)| *charset)
            .ok_or(UnknownCharset)
    }
}

/// A name from the client that can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotReadable {
    /// The character set that it is not text in.
    pub charset: Charset,
    /// Whether it could have been UTF-8 instead.
    pub utf8: bool,
}

impl fmt::Display for NotReadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let charset = self.charset;
        if self.utf8 {
            write!(f, "The name is neither UTF-8 nor {charset}.")
        } else {
            write!(f, "The name is not {charset}.")
        }
    }
}

impl core::error::Error for NotReadable {}

/// How a session reads and writes the names on its control and data connections (RFC 2640).
///
/// In the UTF-8 mode, in which sessions begin, a name is UTF-8 if it can be; if it can't, it is
/// read in the fallback, if there is one. Names go out as UTF-8. In the other mode, which needs a
/// fallback and which `OPTS UTF8 OFF` asks for, everything is in the fallback.
///
/// An argument is judged as a whole: a path of which one component is not UTF-8 is not UTF-8.
///
/// # Where guessing ends
///
/// Some text in another character set is well-formed UTF-8 by chance: the two bytes C4 A3 are `模`
/// in GBK and `ģ` in UTF-8. Of the common Chinese characters in GBK about one in six is such a
/// pair; a name is misread only if all of its characters are, as in `图片` (CD BC C6 AC). In the
/// UTF-8 mode these are UTF-8 as long as nothing is known of the client. Who needs it right
/// says so: the client with `OPTS UTF8 OFF`, or the operator with a setting that starts sessions
/// in the other mode.
///
/// A client that says nothing shows what it speaks with the first name that is not UTF-8
/// ([`Names::hear`]): `CWD 目录` and then `STOR 图片`, both in GBK. From then on what could be
/// either is the fallback if, as UTF-8, it would hold no character of three bytes or more: so look
/// pairs that are UTF-8 by chance, and no Chinese or Japanese text in UTF-8 does, which the client
/// has from our own listings. A name such as `ģ` can then not be said to that client.
///
/// ```
/// use ossftp_core::charset::{Charset, Names};
/// let mut names = Names::new(Some(Charset::Gbk), true);
/// assert_eq!(&*names.read(b"\xd6\xd0\xce\xc4")?, "中文".as_bytes());
/// assert_eq!(&*names.read("中文".as_bytes())?, "中文".as_bytes());
/// assert_eq!(&*names.read(b"\xc4\xa3")?, "ģ".as_bytes());
/// assert!(names.set_utf8(false));
/// assert_eq!(&*names.read(b"\xc4\xa3")?, "模".as_bytes());
/// assert_eq!(names.write("模".as_bytes()).as_deref(), Some(&b"\xc4\xa3"[..]));
/// # Ok::<(), ossftp_core::charset::NotReadable>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    fallback: Option<Charset>,
    /// Never false without a fallback.
    utf8: bool,
    /// What `utf8` becomes where there is a fallback.
    wanted: bool,
    /// The client has used the fallback in the UTF-8 mode.
    heard: bool,
}

impl Names {
    /// The rule with this fallback, in the UTF-8 mode or (if there is a fallback) the other one.
    #[must_use]
    pub const fn new(fallback: Option<Charset>, utf8: bool) -> Self {
        Self {
            fallback,
            utf8: utf8 || fallback.is_none(),
            wanted: utf8,
            heard: false,
        }
    }

    /// The character set beside UTF-8.
    #[must_use]
    pub const fn fallback(&self) -> Option<Charset> {
        self.fallback
    }

    /// Whether this is the UTF-8 mode.
    #[must_use]
    pub const fn utf8(&self) -> bool {
        self.utf8
    }

    /// Learns from a name that the client has sent, in the UTF-8 mode: see
    /// [above](Self#where-guessing-ends).
    pub fn hear(&mut self, wire: &[u8]) {
        let pairs = self.fallback.is_some_and(Charset::has_pairs);
        self.heard |=
            pairs && self.utf8 && str::from_utf8(wire).is_err() && self.read(wire).is_ok();
    }

    /// Whether these bytes, which are no ASCII, are read as UTF-8.
    fn is_utf8(&self, wire: &[u8], charset: Charset) -> bool {
        if !self.utf8 || str::from_utf8(wire).is_err() {
            return false;
        }
        // In UTF-8, what begins with E0 or more takes three bytes or four.
        !self.heard || wire.iter().any(|b| *b >= 0xE0) || charset.decode(wire).is_none()
    }

    /// Goes into the UTF-8 mode or out of it, and forgets what was learned; gives whether that was
    /// possible. Without a fallback there is no way out of it.
    #[must_use]
    pub const fn set_utf8(&mut self, utf8: bool) -> bool {
        let can = utf8 || self.fallback.is_some();
        if can {
            *self = Self::new(self.fallback, utf8);
        }
        can
    }

    /// The rule with another fallback, in the mode that was asked for so far, even where there was
    /// no fallback for it. With the same one it is the same rule, and what was learned stays.
    #[must_use]
    pub fn with_fallback(self, fallback: Option<Charset>) -> Self {
        if fallback == self.fallback {
            return self;
        }
        Self::new(fallback, self.wanted)
    }

    /// The name that the client means by these bytes. Without a fallback that is any bytes as
    /// they are, well-formed or not.
    ///
    /// # Errors
    /// [`NotReadable`] if there is a fallback, and they are not text by the rule.
    pub fn read<'a>(&self, wire: &'a [u8]) -> Result<Cow<'a, [u8]>, NotReadable> {
        let Some(charset) = self.fallback else {
            return Ok(Cow::Borrowed(wire));
        };
        if wire.is_ascii() || self.is_utf8(wire, charset) {
            return Ok(Cow::Borrowed(wire));
        }
        charset.decode(wire).map(Cow::Owned).ok_or(NotReadable {
            charset,
            utf8: self.utf8,
        })
    }

    /// The bytes by which the client is told this name, such that [`Names::read`] gives the name
    /// again. `None` if there are none: then listings leave it out.
    ///
    /// With a fallback, a name that is not UTF-8 has none in either mode: what the client sent
    /// back would be read in the fallback, and mean another file.
    #[must_use]
    pub fn write<'a>(&self, name: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let Some(charset) = self.fallback else {
            return Some(Cow::Borrowed(name));
        };
        if name.is_ascii() || self.is_utf8(name, charset) {
            return Some(Cow::Borrowed(name));
        }
        if self.utf8 {
            return None;
        }
        charset.encode(name).map(Cow::Owned)
    }
}

impl Names {
    /// A text for people in the character set of the session, with `?` for what it cannot say. A
    /// text with a name that a program is to read goes through [`Names::write`] first.
    #[must_use]
    pub fn write_text(&self, text: &[u8]) -> Vec<u8> {
        if let Some(exact) = self.write(text) {
            return exact.into_owned();
        }
        let mut spoken = Vec::with_capacity(text.len());
        for character in alloc::string::String::from_utf8_lossy(text).chars() {
            let mut utf8 = [0; 4];
            let exact = self.write(character.encode_utf8(&mut utf8).as_bytes());
            spoken.extend_from_slice(exact.as_deref().unwrap_or(b"?"));
        }
        spoken
    }
}

impl Default for Names {
    /// UTF-8, and bytes as they are.
    fn default() -> Self {
        Self::new(None, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn known_answers() {
        for (charset, text, bytes) in [
            (Charset::Gbk, "图片", &b"\xcd\xbc\xc6\xac"[..]),
            (Charset::Gbk, "模", b"\xc4\xa3"),
            (Charset::Gbk, "€", b"\x80"),
            (Charset::Gbk, "a中/b", b"a\xd6\xd0/b"),
            (Charset::Gb18030, "中", b"\xd6\xd0"),
            (Charset::Gb18030, "😀", b"\x94\x39\xfc\x36"),
            (Charset::Big5, "中文", b"\xa4\xa4\xa4\xe5"),
            // The second byte of 功 is a backslash.
            (Charset::Big5, "功", b"\xa5\x5c"),
            (Charset::ShiftJis, "日本", b"\x93\xfa\x96\x7b"),
            (Charset::ShiftJis, "表", b"\x95\x5c"),
            (Charset::ShiftJis, "ｱ", b"\xb1"),
            (Charset::Latin1, "é€", b"\xe9\x80"),
            (Charset::Latin1, "\u{81}ÿ", b"\x81\xff"),
        ] {
            let (encoded, decoded) = (charset.encode(text.as_bytes()), charset.decode(bytes));
            assert_eq!(encoded.as_deref(), Some(bytes), "{charset} {text}");
            assert_eq!(decoded.as_deref(), Some(text.as_bytes()), "{charset}");
        }
    }

    #[test]
    fn a_text_says_what_it_can() {
        let mut names = Names::new(Some(Charset::Latin1), true);
        assert_eq!(names.write_text("é日".as_bytes()), "é日".as_bytes());
        assert!(names.set_utf8(false));
        assert_eq!(names.write_text("é.".as_bytes()), b"\xe9.");
        assert_eq!(names.write_text("é日本.".as_bytes()), b"\xe9??.");
    }

    #[test]
    fn names_that_are_both() {
        let wire = b"\xcd\xbc\xc6\xac";
        let mut names = Names::new(Some(Charset::Gbk), true);
        assert_eq!(names.read(wire).as_deref(), Ok("ͼƬ".as_bytes()));
        assert!(names.set_utf8(false));
        assert_eq!(names.read(wire).as_deref(), Ok("图片".as_bytes()));
        // The figure in the documentation: the first level of GB 2312, where the common ones are.
        let common = (0xb0..=0xd7).flat_map(|a| (0xa1..=0xfe_u8).map(move |b| [a, b]));
        let both = common.clone().filter(|pair| str::from_utf8(pair).is_ok());
        assert_eq!((common.count(), both.count()), (3760, 682));
    }

    #[test]
    fn a_client_shows_what_it_speaks() {
        let mut names = Names::new(Some(Charset::Gbk), true);
        let picture = b"\xcd\xbc\xc6\xac";
        names.hear(picture);
        names.hear("é.txt".as_bytes());
        names.hear(b"\xff");
        assert_eq!(names.read(picture).as_deref(), Ok("ͼƬ".as_bytes()));
        names.hear(b"\xd6\xd0\xce\xc4");
        assert_eq!(names.read(picture).as_deref(), Ok("图片".as_bytes()));
        // From a listing, which is in UTF-8.
        for listed in ["图片", "é图", "plain"] {
            let wire = names.write(listed.as_bytes());
            assert_eq!(wire.as_deref(), Some(listed.as_bytes()));
        }
        assert_eq!(names.write("ͼƬ".as_bytes()), None);
        assert!(names.set_utf8(true));
        assert_eq!(names.read(picture).as_deref(), Ok("ͼƬ".as_bytes()));
        let mut western = Names::new(Some(Charset::Latin1), true);
        western.hear(b"\xe9");
        assert_eq!(western.read("é".as_bytes()).as_deref(), Ok("é".as_bytes()));
    }

    #[test]
    fn what_has_no_form_is_refused() {
        for (charset, text) in [
            (Charset::Gbk, "😀"),
            // Four bytes in GB 18030.
            (Charset::Gbk, "ģ"),
            (Charset::Gb18030, "\u{e5e5}"),
            (Charset::Big5, "é中图"),
            (Charset::ShiftJis, "图"),
            // These would come back as a backslash, a tilde, and a wide hyphen.
            (Charset::ShiftJis, "¥"),
            (Charset::ShiftJis, "‾"),
            (Charset::ShiftJis, "−"),
            (Charset::Latin1, "中"),
        ] {
            assert_eq!(charset.encode(text.as_bytes()), None, "{charset} {text}");
        }
        assert_eq!(Charset::Gb18030.encode(b"\xff"), None);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for (charset, bytes) in [
            (Charset::Gbk, &b"\xd6"[..]),
            (Charset::Gbk, b"\xd6/"),
            (Charset::Gbk, b"\xff"),
            (Charset::Gb18030, b"\x81\x30\x81"),
            (Charset::Big5, b"\xa4"),
            (Charset::ShiftJis, b"\x93"),
            (Charset::ShiftJis, b"\xff"),
        ] {
            assert_eq!(charset.decode(bytes), None, "{charset} {bytes:x?}");
        }
        // Such as the mark of UTF-8 or UTF-16, which means nothing here.
        assert_eq!(Charset::Gbk.decode(b"\xff\xfea\0"), None);
        assert_eq!(
            Charset::Latin1.decode(b"\xef\xbb\xbfa").as_deref(),
            Some("ï»¿a".as_bytes())
        );
    }

    #[test]
    fn labels() {
        for (charset, labels) in [
            (Charset::Gbk, &["gbk", "GB2312", "cp936", "CP-936"][..]),
            (Charset::Gb18030, &["gb18030", "GB-18030"]),
            (Charset::Big5, &["big5", "Big-5", "cp950"]),
            (
                Charset::ShiftJis,
                &["shift-jis", "Shift_JIS", "SJIS", "cp932"],
            ),
            (
                Charset::Latin1,
                &["latin1", "Latin-1", "ISO-8859-1", "windows-1252"],
            ),
        ] {
            assert_eq!(charset.name().parse(), Ok(charset));
            assert_eq!(charset.to_string(), charset.name());
            for label in labels {
                assert_eq!(label.parse(), Ok(charset), "{label}");
            }
        }
        for label in ["", "-", "utf-8", "gb", "gbk ", "latin10"] {
            assert_eq!(label.parse::<Charset>(), Err(UnknownCharset), "{label}");
        }
        assert_eq!(
            UnknownCharset.to_string(),
            "unknown character set; there are GBK, GB18030, Big5, Shift-JIS and Latin-1"
        );
    }

    #[test]
    fn the_rule() {
        let plain = Names::new(None, false);
        assert!(plain.utf8(), "there is nothing else to be in");
        let gbk = Some(Charset::Gbk);
        assert!(!plain.with_fallback(gbk).utf8());
        assert!(Names::default().with_fallback(gbk).utf8());
        let mut refused = Names::default();
        assert!(!refused.set_utf8(false) && refused.with_fallback(gbk).utf8());
        assert_eq!(plain.read(b"\xff").as_deref(), Ok(&b"\xff"[..]));
        assert_eq!(plain.write(b"\xff").as_deref(), Some(&b"\xff"[..]));

        let mut names = Names::new(Some(Charset::Gbk), true);
        let error = names.read(b"\xff").unwrap_err();
        assert_eq!(error.to_string(), "The name is neither UTF-8 nor GBK.");
        assert_eq!(
            names.write("😀".as_bytes()).as_deref(),
            Some("😀".as_bytes())
        );
        // A key that is no text: what is listed would be read as 中.
        assert_eq!(names.write(b"\xd6\xd0"), None);
        // One component decides for all.
        assert_eq!(
            names.read(b"\xc4\xa3/\xd6\xd0").as_deref(),
            Ok("模/中".as_bytes())
        );

        assert!(names.set_utf8(false));
        assert_eq!(names.fallback(), Some(Charset::Gbk));
        let error = names.read(b"\xff").unwrap_err();
        assert_eq!(error.to_string(), "The name is not GBK.");
        assert_eq!(names.write("😀".as_bytes()), None);
        assert!(names.set_utf8(true) && names.utf8());
        assert!(!Names::default().set_utf8(false));
    }

    fn charset() -> impl Strategy<Value = Charset> {
        proptest::sample::select(Charset::ALL)
    }

    fn names() -> impl Strategy<Value = Names> {
        (
            proptest::option::of(charset()),
            any::<bool>(),
            any::<bool>(),
        )
            .prop_map(|(fallback, utf8, heard)| Names {
                heard: heard && fallback.is_some(),
                ..Names::new(fallback, utf8)
            })
    }

    /// Any bytes, and bytes as they look in East Asian names.
    fn wire() -> impl Strategy<Value = Vec<u8>> {
        let pair = (0x81..=0xfe_u8, 0x30..=0xfe_u8).prop_map(|(a, b)| [a, b]);
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..12),
            proptest::collection::vec(pair, 0..8).prop_map(|pairs| pairs.concat()),
            ".{0,8}".prop_map(alloc::string::String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(names in names(), name in wire()) {
            if let Some(wire) = names.write(&name) {
                let read = names.read(&wire);
                prop_assert_eq!(read.as_deref(), Ok(&name[..]));
            }
        }

        #[test]
        fn text_from_the_set_goes_back_into_it(charset in charset(), bytes in wire()) {
            let Some(text) = charset.decode(&bytes) else { return Ok(()) };
            prop_assert!(str::from_utf8(&text).is_ok());
            if let Some(back) = charset.encode(&text) {
                prop_assert_eq!(charset.decode(&back), Some(text));
            }
        }

        #[test]
        fn separators_and_controls_stand_where_they_stood(charset in charset(), bytes in wire()) {
            let Some(text) = charset.decode(&bytes) else { return Ok(()) };
            let special = |bytes: &[u8]| -> Vec<u8> {
                let special = |b: &u8| b.is_ascii_control() || *b == b'/';
                bytes.iter().copied().filter(special).collect()
            };
            prop_assert_eq!(special(&bytes), special(&text));
            if let Some(back) = charset.encode(&text) {
                prop_assert_eq!(special(&back), special(&text));
            }
        }

        #[test]
        fn ascii_costs_nothing(names in names(), name in "[ -~]{0,20}") {
            prop_assert!(matches!(names.read(name.as_bytes()), Ok(Cow::Borrowed(b)) if b == name.as_bytes()));
            prop_assert!(matches!(names.write(name.as_bytes()), Some(Cow::Borrowed(b)) if b == name.as_bytes()));
        }

        #[test]
        fn gbk_stays_within_two_bytes(c in any::<char>()) {
            let mut utf8 = [0; 4];
            if let Some(bytes) = Charset::Gbk.encode(c.encode_utf8(&mut utf8).as_bytes()) {
                prop_assert!(bytes.len() <= 2);
            }
        }
    }
}
