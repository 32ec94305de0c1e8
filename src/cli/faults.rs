//! The flags of `oss-ftp dev-store` that make it misbehave: short forms of rules, and rules.

use super::{boolean, flag};
use clap::builder::ValueParser;
use clap::{Arg, ArgMatches};
use ossftp::devstore::FaultRule;

/// The flags of `dev-store` that make it misbehave.
pub(super) fn arguments() -> [Arg; 5] {
    let short = |form: &'static str| {
        ValueParser::new(move |text: &str| format!("{form}{text}").parse::<FaultRule>())
    };
    [
        flag(
            "latency",
            "MS",
            "Let every answer wait so long, in milliseconds",
        )
        .value_parser(short("*:latency:ms=")),
        flag(
            "bandwidth",
            "BYTES/S",
            "Carry no more than this per connection and direction, such as 500K or 20M",
        )
        .value_parser(short("*:bandwidth:both=")),
        flag("clock-skew", "SECONDS", "Let the clock be wrong by so much")
            .allow_hyphen_values(true)
            .value_parser(short("*:clock-skew:seconds=")),
        flag(
            "fault",
            "RULE",
            "What goes wrong, such as UploadPart:503:rate=0.1; give it again for more",
        )
        .value_parser(ValueParser::new(|text: &str| text.parse::<FaultRule>()))
        .action(clap::ArgAction::Append),
        flag(
            "control",
            "True|False",
            "Whether programs of this machine may change the faults and read the log at /-/",
        )
        .default_value("True")
        .value_parser(ValueParser::new(boolean)),
    ]
}

/// The rules of all those flags.
pub(super) fn rules(matches: &ArgMatches) -> Vec<FaultRule> {
    let names = ["latency", "bandwidth", "clock-skew", "fault"];
    let given = names
        .into_iter()
        .filter_map(|name| matches.get_many::<FaultRule>(name));
    given.flatten().cloned().collect()
}

#[cfg(test)]
mod tests {
    use crate::cli::{Invocation, parse};
    use std::ffi::OsString;

    #[test]
    fn the_faults_of_a_dev_store_are_all_rules() {
        let arguments = [
            "oss-ftp",
            "dev-store",
            "--dir=d",
            "--access-key-id=id",
            "--access-key-secret=s",
            "--bucket=b",
            "--fault=UploadPart:503:rate=0.1",
            "--latency=20",
            "--bandwidth=20M",
            "--clock_skew=-3600",
            "--fault=*:reset",
            "--control=False",
        ];
        let Ok(Invocation::DevStore(store)) = parse(arguments.map(OsString::from)) else {
            panic!("not a dev store");
        };
        let rules: Vec<String> = store.faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            rules,
            [
                "*:latency:ms=20:at=answer",
                "*:bandwidth:up=20000000:down=20000000",
                "*:clock-skew:seconds=-3600",
                "UploadPart:503:rate=0.1:seed=0",
                "*:reset:at=answer",
            ]
        );
        assert!(!store.control);
    }
}
