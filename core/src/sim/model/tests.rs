//! Which conversations the model believes.

use super::super::conversation::Conversation;
use super::*;

/// What the model thinks of a conversation of commands and replies, each with what its data
/// connection moved. The 150 of a transfer has the text of its 226.
pub(super) fn learn(exchanges: &[(&str, &str, &str)]) -> Result<Model, String> {
    let files = [(b"/a".to_vec(), b"one\ntwo".to_vec())].into();
    let mut model = Model::new(files, [b"/d".to_vec()].into());
    let mut talk = Conversation::default();
    talk.said(b"220 Hi\r\n")?;
    for (command, reply, data) in exchanges {
        let _ = talk.heard(format!("{command}\r\n").as_bytes()).count();
        if reply.starts_with("226") {
            let text = reply.get(4..).unwrap_or_default();
            talk.said(format!("150 {text}\r\n").as_bytes())?;
        }
        let moved = Moved {
            sent: data.as_bytes().to_vec(),
            received: data.as_bytes().to_vec(),
        };
        if let Some(exchange) = talk.said(format!("{reply}\r\n").as_bytes())? {
            model.learn(&exchange, &moved)?;
        }
    }
    Ok(model)
}

#[test]
fn what_can_be() {
    let model = learn(&[
        ("TYPE I", "200 x", ""),
        ("PWD", "257 \"/\" x", ""),
        ("RETR a", "226 x", "one\ntwo"),
        ("REST 4", "350 x", ""),
        ("STOR a", "226 x", "three"),
        ("SIZE a", "213 9", ""),
        ("APPE d/e", "226 x", "x"),
        ("NLST d", "226 x", "e\r\n"),
        ("STOR f", "426 x", "lost"),
        ("CWD d", "250 x", ""),
        ("RNFR e", "350 x", ""),
        ("RNTO ../g/h", "250 x", ""),
        ("CDUP", "250 x", ""),
        ("RMD d", "250 x", ""),
        ("MKD q\"", "257 x", ""),
        ("CWD q\"", "250 x", ""),
        ("PWD", "257 \"/q\"\"\" x", ""),
        ("NLST /", "226 x", "a\r\ng\r\nq\"\r\n"),
    ])
    .unwrap();
    let files = [
        (b"/a".to_vec(), b"one\nthree".to_vec()),
        (b"/g/h".to_vec(), b"x".to_vec()),
    ];
    let directories: BTreeSet<_> = [b"/g".to_vec(), b"/q\"".to_vec()].into();
    assert_eq!(model.agrees(&files.clone().into(), &directories), Ok(()));
    let is = |objects: &[(&str, &str)]| {
        let bytes = objects.iter().map(|(k, b)| (k.as_bytes(), b.as_bytes()));
        model.is(bytes)
    };
    let objects = [("a", "one\nthree"), ("g/h", "x"), ("q\"/", "")];
    assert!(is(&objects));
    assert!(!is(&objects[..2]) && !is(&objects[1..]));
    assert!(!is(&[objects[0], ("g/h", "y"), objects[2]]));
    assert!(!is(&[objects[0], ("g/i", "x"), objects[2]]));
    assert!(!is(&[objects[0], objects[1], objects[2], ("r/", "")]));
    assert!(!is(&[objects[0], objects[1], ("i", ""), objects[2]]));
    assert!(model.agrees(&files.into(), &BTreeSet::new()).is_err());
    assert!(model.agrees(&BTreeMap::new(), &directories).is_err());
}

#[test]
fn what_cannot_be() {
    for (command, reply, data) in [
        ("CWD nowhere", "250 x", ""),
        ("PWD", "257 \"/d\" x", ""),
        ("DELE nothing", "250 x", ""),
        ("MKD d", "257 x", ""),
        ("RMD nothing", "250 x", ""),
        ("RMD /", "250 x", ""),
        ("RNTO x", "250 x", ""),
        ("SIZE a", "213 8", ""),
        ("SIZE d", "213 0", ""),
        ("RETR a", "226 x", "one\ntwo"),
        ("NLST", "226 x", "a\r\n"),
        ("NLST", "226 x", "a\r\nd"),
        ("MLSD", "226 x", "type=file; a\r\n"),
    ] {
        assert!(learn(&[(command, reply, data)]).is_err(), "{command}");
    }
    let text = learn(&[("RETR a", "226 x", "one\r\ntwo")]);
    assert!(text.is_ok(), "{text:?}");
}
