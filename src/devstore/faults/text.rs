//! Rules as text and as JSON.
//!
//! Both forms are the same list of names and values, and are read by the same code: `UploadPart:503:rate=0.1` is
//! `{"api": "UploadPart", "fault": 503, "rate": 0.1}`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ossftp_oss::encode;
use serde_json::{Map, Value};

use super::{ActiveFault, Break, Fault, FaultRule, KeyMatch, Place};

/// Why a rule cannot be understood. Its text says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultSyntaxError {
    reason: String,
}

impl fmt::Display for FaultSyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for FaultSyntaxError {}

type Result<T> = std::result::Result<T, FaultSyntaxError>;

pub(super) fn wrong<T>(reason: impl Into<String>) -> Result<T> {
    Err(FaultSyntaxError {
        reason: reason.into(),
    })
}

/// What `--fault` takes, in one line for errors.
const FORM: &str = "a fault is written APIS:FAULT:NAME=VALUE, such as UploadPart:503:rate=0.1, and * stands for all APIs";

/// The faults, for errors.
const FAULTS: &str = "a status such as 503, slow-down, denied, latency, stall, reset, close, lose-answer, truncate, \
     bandwidth, wrong-crc, damage-answer, damage-request, clock-skew and archived";

/// Names in JSON that say what became of a rule: read and forgotten, so that what was shown can be sent back.
const SHOWN: [&str; 5] = ["id", "rule", "seen", "hits", "held"];

impl FromStr for FaultRule {
    type Err = FaultSyntaxError;

    fn from_str(text: &str) -> Result<Self> {
        let mut pieces = text.trim().split(':');
        let apis = pieces.next().unwrap_or_default();
        let Some(fault) = pieces.next().filter(|fault| !fault.is_empty()) else {
            return wrong(format!("{text:?} names no fault; {FORM}"));
        };
        let mut fields = Vec::new();
        for piece in pieces {
            let Some((name, value)) = piece.split_once('=') else {
                return wrong(format!("{piece:?} has no value; {FORM}"));
            };
            let Some(value) = encode::decode(value) else {
                return wrong(format!("{value:?} is not percent-encoded UTF-8"));
            };
            fields.push((name.to_owned(), value));
        }
        build(apis, fault, fields)
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, settings) = describe(&self.fault);
        write!(f, "{}:{name}", self.api_list())?;
        for (name, value) in settings.iter().chain(&self.conditions()) {
            write!(
                f,
                ":{name}={}",
                value.replace('%', "%25").replace(':', "%3A")
            )?;
        }
        Ok(())
    }
}

/// A fault as the log names it: like a rule, without its conditions.
pub(super) fn label(fault: &Fault) -> String {
    let (name, settings) = describe(fault);
    settings
        .iter()
        .filter(|(name, _)| *name != "message")
        .fold(name, |text, (name, value)| format!("{text}:{name}={value}"))
}

impl FaultRule {
    /// Reads a rule from its JSON object.
    pub(in crate::devstore) fn from_json(value: &Value) -> Result<Self> {
        let object = match value {
            Value::String(text) => return text.parse(),
            Value::Object(object) => object,
            _ => {
                return wrong(
                    "a fault is an object such as {\"api\": \"UploadPart\", \"fault\": 503}",
                );
            }
        };
        let (mut apis, mut fault, mut fields) = (String::from("*"), None, Vec::new());
        for (name, value) in object {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                Value::Array(items) if name == "api" => {
                    let names: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                    names.join(",")
                }
                _ => return wrong(format!("{name:?} is neither a text nor a number")),
            };
            match name.as_str() {
                "api" => apis = text,
                "fault" => fault = Some(text),
                shown if SHOWN.contains(&shown) => {}
                _ => fields.push((name.clone(), text)),
            }
        }
        match fault {
            Some(fault) => build(&apis, &fault, fields),
            None => wrong(format!("\"fault\" is missing; it is {FAULTS}")),
        }
    }

    fn api_list(&self) -> String {
        if self.apis.is_empty() {
            "*".to_owned()
        } else {
            self.apis.join(",")
        }
    }

    /// The conditions as names and values, without those that ask nothing.
    fn conditions(&self) -> Vec<(&'static str, String)> {
        let mut list = Vec::new();
        let mut put = |name, value: Option<String>| list.extend(value.map(|value| (name, value)));
        put("method", self.method.clone());
        put("bucket", self.bucket.clone());
        match &self.key {
            Some(KeyMatch::Exact(key)) => put("key", Some(key.clone())),
            Some(KeyMatch::Prefix(prefix)) => put("prefix", Some(prefix.clone())),
            None => {}
        }
        put("skip", (self.skip > 0).then(|| self.skip.to_string()));
        put("times", self.times.map(|times| times.to_string()));
        if self.rate < 1.0 {
            put("rate", Some(self.rate.to_string()));
            put("seed", Some(self.seed.to_string()));
        }
        list
    }
}

impl ActiveFault {
    /// The rule and its counts, as the control URL shows them.
    pub(in crate::devstore) fn to_json(&self) -> Value {
        let (fault, settings) = describe(&self.rule.fault);
        let mut object = Map::new();
        let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
        put("id", self.id.into());
        put("rule", self.rule.to_string().into());
        put("api", self.rule.api_list().into());
        put("fault", fault.into());
        for (name, text) in settings.into_iter().chain(self.rule.conditions()) {
            // What is a number is shown as one, but for names that are made of digits.
            let is_text = matches!(name, "key" | "prefix" | "bucket" | "message" | "code");
            let number = (!is_text)
                .then(|| serde_json::from_str(&text).ok())
                .flatten();
            put(name, number.unwrap_or(Value::String(text)));
        }
        put("seen", self.seen.into());
        put("hits", self.hits.into());
        put("held", self.held.into());
        Value::Object(object)
    }
}

/// A fault's name and its settings.
fn describe(fault: &Fault) -> (String, Vec<(&'static str, String)>) {
    let number = |name, value: &Option<u64>| value.map(|value| (name, value.to_string()));
    let (name, settings): (&str, Vec<_>) = match fault {
        Fault::Stall { at, time } => {
            let name = if time.is_some() { "latency" } else { "stall" };
            let ms = time.map(|time| ("ms", time.as_millis().to_string()));
            (name, ms.into_iter().chain(place(*at)).collect())
        }
        Fault::Break {
            at: Place::Answer,
            how: Break::Close,
        } => ("lose-answer", Vec::new()),
        Fault::Break {
            at: Place::AnswerBody(after),
            how: Break::Close,
        } => ("truncate", number("after", after).into_iter().collect()),
        Fault::Break { at, how } => {
            let name = match how {
                Break::Close => "close",
                Break::Reset => "reset",
            };
            (name, place(*at))
        }
        Fault::Status {
            status,
            code,
            message,
            delay_ms,
        } => {
            let (usual_code, usual_message) = super::plan::usual_error(*status);
            let code =
                (code.as_deref() != usual_code).then(|| ("code", code.clone().unwrap_or_default()));
            let message = (message != usual_message).then(|| ("message", message.clone()));
            let settings = code.into_iter().chain(message);
            return (
                status.to_string(),
                settings.chain(number("delay-ms", delay_ms)).collect(),
            );
        }
        Fault::Bandwidth { up, down } => (
            "bandwidth",
            number("up", up)
                .into_iter()
                .chain(number("down", down))
                .collect(),
        ),
        Fault::WrongCrc => ("wrong-crc", Vec::new()),
        Fault::DamagedAnswer { byte } => {
            ("damage-answer", number("byte", byte).into_iter().collect())
        }
        Fault::DamagedRequest { byte } => {
            ("damage-request", number("byte", byte).into_iter().collect())
        }
        Fault::ClockSkew { seconds } => ("clock-skew", vec![("seconds", seconds.to_string())]),
        Fault::Archived => ("archived", Vec::new()),
    };
    (name.to_owned(), settings)
}

fn place(at: Place) -> Vec<(&'static str, String)> {
    let (name, after) = match at {
        Place::Request => ("request", None),
        Place::RequestBody(after) => ("request-body", after),
        Place::Received => ("received", None),
        Place::Answer => ("answer", None),
        Place::AnswerBody(after) => ("answer-body", after),
    };
    let after = after.map(|after| ("after", after.to_string()));
    std::iter::once(("at", name.to_owned()))
        .chain(after)
        .collect()
}

/// The names and values of a rule that nobody has asked for yet.
struct Fields {
    left: Vec<(String, String)>,
}

impl Fields {
    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.left.iter().position(|(other, _)| other == name)?;
        Some(self.left.remove(at).1)
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>> {
        self.take(name)
            .map(|text| match text.parse() {
                Ok(number) => Ok(number),
                Err(_) => wrong(format!("{name}={text} is not a whole number")),
            })
            .transpose()
    }

    fn rate(&mut self, name: &str) -> Result<Option<u64>> {
        self.take(name)
            .map(|text| parse_bandwidth(&text).or_else(|error| wrong(format!("{name}: {error}"))))
            .transpose()
    }

    fn place(&mut self, usual: Place) -> Result<Place> {
        let after = self.number("after")?;
        let at = self.take("at");
        let place = match (at.as_deref(), after) {
            (None, None) => usual,
            (Some("request"), None) => Place::Request,
            (Some("received"), None) => Place::Received,
            (Some("answer"), None) => Place::Answer,
            (Some("request-body"), after) => Place::RequestBody(after),
            (Some("answer-body"), after) => Place::AnswerBody(after),
            (Some("request" | "received" | "answer") | None, Some(_)) => {
                return wrong(
                    "after=N counts the bytes of a body; say at=request-body or at=answer-body",
                );
            }
            (Some(at), _) => {
                return wrong(format!(
                    "at={at} is no place; it is request, request-body, received, answer or answer-body"
                ));
            }
        };
        Ok(place)
    }
}

fn build(apis: &str, fault: &str, fields: Vec<(String, String)>) -> Result<FaultRule> {
    let mut fields = Fields { left: fields };
    let mut rule = FaultRule::new(read_fault(fault, &mut fields)?);
    if apis.trim() != "*" {
        rule.apis = read_apis(apis)?;
    }
    rule.method = fields.take("method").map(|name| name.to_ascii_uppercase());
    rule.bucket = fields.take("bucket");
    rule.key = match (fields.take("key"), fields.take("prefix")) {
        (Some(_), Some(_)) => return wrong("a rule has a key or a prefix, not both"),
        (Some(key), None) => Some(KeyMatch::Exact(key)),
        (None, prefix) => prefix.map(KeyMatch::Prefix),
    };
    rule.skip = fields.number("skip")?.unwrap_or(0);
    rule.times = fields.number("times")?;
    if let Some(text) = fields.take("rate") {
        rule.rate = match text.parse() {
            Ok(rate) if (0.0..=1.0).contains(&rate) => rate,
            _ => {
                return wrong(format!(
                    "rate={text} is not a share from 0 to 1, such as 0.1"
                ));
            }
        };
    }
    rule.seed = fields.number("seed")?.unwrap_or(0);
    match fields.left.first() {
        None => Ok(rule),
        Some((name, _)) => wrong(format!(
            "{fault} has no {name:?}, or has it twice; conditions are method, bucket, key, prefix, skip, times, rate and seed"
        )),
    }
}

fn read_apis(text: &str) -> Result<Vec<String>> {
    text.split(',')
        .map(str::trim)
        .map(|name| {
            let plain = name.strip_suffix('*').unwrap_or(name);
            if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return wrong(format!("{name:?} is no name of an API; {FORM}"));
            }
            Ok(name.to_owned())
        })
        .collect()
}

fn read_fault(name: &str, fields: &mut Fields) -> Result<Fault> {
    let fault = match name {
        "slow-down" => Fault::slow_down(fields.number("delay-ms")?),
        "denied" => status(403, fields)?,
        "latency" => match fields.number("ms")? {
            Some(ms) => Fault::Stall {
                at: fields.place(Place::Answer)?,
                time: Some(Duration::from_millis(ms)),
            },
            None => return wrong("latency needs its milliseconds, such as ms=20"),
        },
        "stall" => Fault::Stall {
            time: fields.number("ms")?.map(Duration::from_millis),
            at: fields.place(Place::Answer)?,
        },
        "reset" => Fault::reset(fields.place(Place::Answer)?),
        "close" => Fault::Break {
            at: fields.place(Place::Answer)?,
            how: Break::Close,
        },
        "lose-answer" => Fault::lose_answer(),
        "truncate" => Fault::truncate(fields.number("after")?),
        "bandwidth" => {
            let both = fields.rate("both")?;
            let (up, down) = (fields.rate("up")?.or(both), fields.rate("down")?.or(both));
            if up.is_none() && down.is_none() {
                return wrong("bandwidth needs up, down or both, such as both=20M");
            }
            Fault::Bandwidth { up, down }
        }
        "wrong-crc" => Fault::WrongCrc,
        "damage-answer" => Fault::DamagedAnswer {
            byte: fields.number("byte")?,
        },
        "damage-request" => Fault::DamagedRequest {
            byte: fields.number("byte")?,
        },
        "clock-skew" => {
            let text = fields.take("seconds").unwrap_or_default();
            match text.parse() {
                Ok(seconds) => Fault::ClockSkew { seconds },
                Err(_) => return wrong("clock-skew needs its seconds, such as seconds=3600"),
            }
        }
        "archived" => Fault::Archived,
        _ => match name.parse() {
            Ok(code) if (300..=599).contains(&code) => status(code, fields)?,
            Ok(_) => return wrong(format!("{name} is not a status from 300 to 599")),
            Err(_) => return wrong(format!("{name:?} is no fault; there are {FAULTS}")),
        },
    };
    Ok(fault)
}

fn status(status: u16, fields: &mut Fields) -> Result<Fault> {
    let (code, message) = super::plan::usual_error(status);
    let code = match fields.take("code") {
        Some(code) if code.is_empty() => None,
        Some(code) => Some(code),
        None => code.map(str::to_owned),
    };
    Ok(Fault::Status {
        status,
        code,
        message: fields.take("message").unwrap_or_else(|| message.to_owned()),
        delay_ms: fields.number("delay-ms")?,
    })
}

/// Reads a bandwidth in bytes per second: a whole number, and K, M or G for thousands, Ki, Mi or Gi for powers of two.
///
/// # Errors
/// Anything else, and 0.
fn parse_bandwidth(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..).unwrap_or_default() {
        "" => Some(1),
        "K" | "k" => Some(1_000),
        "M" => Some(1_000_000),
        "G" => Some(1_000_000_000),
        "Ki" => Some(1 << 10),
        "Mi" => Some(1 << 20),
        "Gi" => Some(1 << 30),
        _ => None,
    };
    let bytes = digits
        .parse::<u64>()
        .ok()
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit));
    match bytes {
        Some(bytes) if bytes > 0 => Ok(bytes),
        _ => wrong(format!(
            "{text:?} is no bandwidth; write bytes per second such as 500K, 20M or 1G"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fault, in the form in which it is shown.
    const RULES: [&str; 23] = [
        "UploadPart:503:rate=0.1:seed=0",
        "*:500",
        "*:502",
        "PutObject,Upload*:403:code=UserDisable:message=off%3A 100%25",
        "*:503:code=SlowDown:delay-ms=300",
        "*:429:code=",
        "*:latency:ms=20:at=answer",
        "*:latency:ms=5:at=request",
        "*:stall:at=request-body:after=10",
        "*:stall:at=answer-body",
        "*:reset:at=received:method=PUT:bucket=b:key=a b/%3A/中:skip=1:times=2",
        "*:close:at=request",
        "*:reset:at=answer-body:after=0",
        "*:lose-answer:prefix=x/",
        "*:truncate",
        "GetObject:truncate:after=7",
        "*:bandwidth:up=1000:down=2000",
        "*:bandwidth:down=2000",
        "*:wrong-crc",
        "*:damage-answer:byte=3",
        "*:damage-request",
        "*:clock-skew:seconds=-3600",
        "*:archived",
    ];

    #[test]
    fn rules_are_shown_as_they_are_read() {
        for text in RULES {
            let rule: FaultRule = text
                .parse()
                .unwrap_or_else(|error| panic!("{text}: {error}"));
            let shown = rule.to_string();
            assert_eq!(shown, text);
            assert_eq!(shown.parse::<FaultRule>().unwrap(), rule);
            let active = ActiveFault {
                id: 1,
                rule: rule.clone(),
                seen: 3,
                hits: 2,
                held: 1,
            };
            assert_eq!(
                FaultRule::from_json(&active.to_json()).unwrap(),
                rule,
                "{text}"
            );
        }
    }

    #[test]
    fn short_forms_mean_the_long_ones() {
        for (short, long) in [
            ("*:denied", "*:403"),
            ("*:slow-down:delay-ms=9", "*:503:code=SlowDown:delay-ms=9"),
            ("*:reset", "*:reset:at=answer"),
            ("*:close", "*:lose-answer"),
            ("*:stall", "*:stall:at=answer"),
            ("*:latency:ms=1", "*:latency:ms=1:at=answer"),
            ("*:close:at=answer-body", "*:truncate"),
            (
                "*:bandwidth:both=20M",
                "*:bandwidth:up=20000000:down=20000000",
            ),
            ("*:500:rate=1", "*:500"),
        ] {
            assert_eq!(short.parse::<FaultRule>(), long.parse(), "{short}");
        }
        let json = serde_json::json!({"api": ["A", "B"], "fault": 503, "times": 1, "key": null});
        assert_eq!(
            FaultRule::from_json(&json).unwrap(),
            "A,B:503:times=1".parse().unwrap()
        );
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        for (text, said) in [
            ("", "names no fault"),
            ("UploadPart", "names no fault"),
            ("*:nonsense", "is no fault"),
            ("*:200", "not a status"),
            ("Put-Object:500", "no name of an API"),
            ("*:500:times", "has no value"),
            ("*:500:tmies=1", "has no \"tmies\""),
            ("*:500:times=x", "not a whole number"),
            ("*:500:rate=2", "not a share"),
            ("*:500:key=a:prefix=b", "not both"),
            ("*:500:key=%FF", "not percent-encoded"),
            ("*:latency", "ms=20"),
            ("*:bandwidth", "both=20M"),
            ("*:bandwidth:up=1X", "is no bandwidth"),
            ("*:reset:at=home", "is no place"),
            ("*:reset:after=1", "counts the bytes of a body"),
            ("*:clock-skew", "seconds=3600"),
            ("*:wrong-crc:byte=1", "has no \"byte\""),
        ] {
            let error = text.parse::<FaultRule>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        for json in ["1", "{}", "{\"fault\": [1]}"] {
            let value = serde_json::from_str(json).unwrap();
            assert!(FaultRule::from_json(&value).is_err(), "{json}");
        }
    }

    #[test]
    fn bandwidths_have_suffixes() {
        for (text, bytes) in [
            ("7", 7),
            ("20M", 20_000_000),
            ("1Ki", 1024),
            ("2G", 2_000_000_000),
        ] {
            assert_eq!(parse_bandwidth(text), Ok(bytes));
        }
        for text in ["", "0", "M", "1.5M", "20MB", "99999999999G"] {
            assert!(parse_bandwidth(text).is_err(), "{text}");
        }
    }
}
