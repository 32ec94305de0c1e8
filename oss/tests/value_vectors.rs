//! Checksums and times against the known answers in `tests/vectors`.

mod support;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ossftp_oss::crc64::{Crc64, checksum, combine};
use ossftp_oss::time::{parse_http, parse_iso};
use serde_json::Value;
use support::{load, text};

fn decimal(value: &Value, name: &str) -> u64 {
    text(value, name).parse().expect("decimal")
}

fn data(value: &Value) -> Vec<u8> {
    if let Some(encoded) = value["data_b64"].as_str() {
        return STANDARD.decode(encoded).expect("base64");
    }
    let pattern = &value["pattern"];
    let byte: fn(u64) -> u8 = match pattern["kind"].as_str().expect("kind") {
        "zero" => |_| 0,
        "ff" => |_| 255,
        "inc" => |i| (i & 255) as u8,
        "lcg" => |i| ((i * 1_103_515_245 + 12_345) >> 16 & 255) as u8,
        other => panic!("unknown pattern {other}"),
    };
    (0..pattern["n"].as_u64().expect("n")).map(byte).collect()
}

#[test]
fn crc64() {
    let (count, records) = load("crc64.json");
    let mut ran = 0;
    for value in &records {
        let got = match text(value, "kind").as_str() {
            "value" => checksum(&data(value)),
            "update" => {
                let mut crc = Crc64::resume(decimal(value, "init_dec"));
                crc.update(&data(value));
                crc.finish()
            }
            "combine" => value["parts"]
                .as_array()
                .expect("parts")
                .iter()
                .fold(0, |crc, part| {
                    combine(
                        crc,
                        decimal(part, "crc_dec"),
                        part["length"].as_u64().expect("length"),
                    )
                }),
            "combine2" => combine(
                decimal(value, "crc1_dec"),
                decimal(value, "crc2_dec"),
                value["len2"].as_u64().expect("len2"),
            ),
            other => panic!("unknown kind {other}"),
        };
        assert_eq!(got, decimal(value, "crc_dec"), "{}", text(value, "id"));
        assert_eq!(format!("{got:016x}"), text(value, "crc_hex"));
        ran += 1;
    }
    assert_eq!(ran, count);
}

#[test]
fn times() {
    let (count, records) = load("time.json");
    let mut ran = 0;
    for value in &records {
        let given = text(value, "text");
        let got = match text(value, "kind").as_str() {
            "iso8601" => parse_iso(&given),
            "rfc1123" | "rfc850" | "asctime" => parse_http(&given),
            other => panic!("unknown kind {other}"),
        };
        assert_eq!(got, value["unix"].as_i64(), "{given}");
        ran += 1;
    }
    assert_eq!(ran, count);
}
