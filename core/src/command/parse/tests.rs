//! What lines are worth.

use super::*;
use alloc::string::String;
use proptest::prelude::*;

fn code(line: &str) -> u16 {
    match parse(line.as_bytes()) {
        Ok(_) => 200,
        Err(ParseError::UnknownVerb) => 500,
        Err(ParseError::Syntax(_)) => 501,
        Err(ParseError::Parameter(_)) => 504,
        Err(ParseError::Protocol(_)) => 522,
        Err(ParseError::NotImplemented(_)) => 502,
    }
}

#[test]
fn what_a_line_is_worth() {
    for (line, expected) in [
        ("NOOP", 200),
        ("noop ", 200),
        ("NOOP x", 200),
        (" NOOP", 500),
        ("", 500),
        ("N\u{e9}", 500),
        ("XYZZY", 500),
        ("USER", 501),
        ("USER ", 501),
        ("USER a b", 200),
        ("PASS", 200),
        ("PASS  x ", 200),
        ("PWD x", 501),
        ("CWD", 501),
        ("QUIT now", 200),
        ("TYPE A", 200),
        ("TYPE a n", 200),
        ("TYPE I", 200),
        ("TYPE L 8", 200),
        ("TYPE L8", 200),
        ("TYPE", 501),
        ("TYPE E", 504),
        ("TYPE A T", 504),
        ("TYPE L 16", 504),
        ("TYPE 1", 501),
        ("STRU F", 200),
        ("STRU R", 504),
        ("MODE S", 200),
        ("MODE B", 504),
        ("MODE", 501),
        ("REST 0", 200),
        ("REST 18446744073709551615", 200),
        ("REST 18446744073709551616", 501),
        ("REST -1", 501),
        ("REST +1", 501),
        ("REST 1 ", 501),
        ("ALLO 5", 200),
        ("ALLO 5 R 10", 200),
        ("ALLO x", 501),
        ("PORT 127,0,0,1,4,1", 200),
        ("PORT 127,0,0,1,4", 501),
        ("PORT 256,0,0,1,4,1", 501),
        ("PORT 1,2,3,4,5,6,", 501),
        ("EPRT |1|127.0.0.1|2000|", 200),
        ("EPRT |2|::1|2000|", 200),
        ("EPRT !1!127.0.0.1!2000!", 200),
        ("EPRT |3|x|2000|", 522),
        ("EPRT |1|::1|2000|", 501),
        ("EPRT |1|127.0.0.1|70000|", 501),
        ("EPRT", 501),
        ("EPRT |1|127.0.0.1|2000", 501),
        ("EPSV", 200),
        ("EPSV 1", 200),
        ("EPSV 2", 200),
        ("EPSV all", 200),
        ("EPSV 3", 522),
        ("EPSV x", 501),
        ("PASV x", 501),
        ("MKD a\u{1}b", 501),
        ("PASS a\u{1}b", 200),
        ("PASS a\0b", 501),
        ("PASS a\rb", 501),
        ("LIST -la", 200),
    ] {
        assert_eq!(code(line), expected, "{line:?}");
    }
}

#[test]
fn list_options_are_taken_off() {
    for (argument, path) in [
        ("", None),
        ("-la", None),
        ("-a -l", None),
        ("-la dir", Some("dir")),
        ("-la a b", Some("a b")),
        ("./-la", Some("./-la")),
        ("-xQ9 dir", Some("dir")),
        ("-x.txt", Some("-x.txt")),
        ("-R", None),
        ("-", Some("-")),
        ("- a", Some("- a")),
        ("-la  a", Some(" a")),
    ] {
        let line = alloc::format!("LIST {argument}");
        let expected = path.map(|p| String::from(p).into_bytes());
        assert_eq!(
            parse(line.as_bytes()).unwrap(),
            Command::List(
                ListOptions {
                    long: true,
                    itself: false
                },
                expected
            ),
            "{argument:?}"
        );
    }
}

#[test]
fn list_options_that_mean_something() {
    for (line, long, itself) in [
        ("LIST -1", false, false),
        ("LIST -1 -a x", false, false),
        ("LIST -l1 x", true, false),
        ("LIST -d1", false, true),
        ("LIST x-1", true, false),
        ("NLST", false, false),
        ("NLST -la", true, false),
        ("NLST -d -l x", true, true),
        ("NLST x -l", false, false),
    ] {
        let parsed = parse(line.as_bytes()).unwrap();
        let (Command::List(options, _) | Command::Nlst(options, _)) = &parsed else {
            panic!("{line} is {parsed:?}");
        };
        assert_eq!(*options, ListOptions { long, itself }, "{line}");
        assert_eq!(parse(&parsed.encode()).unwrap(), parsed, "{line}");
    }
}

#[test]
fn every_row_parses_its_own_verb_and_alias() {
    for spec in table::COMMANDS.iter().chain(table::SITE_COMMANDS) {
        if spec.is_refused() {
            let refused = parse(spec.verb.as_bytes());
            assert!(matches!(refused, Err(ParseError::NotImplemented(_))));
            continue;
        }
        for verb in [spec.verb, spec.alias]
            .into_iter()
            .filter(|v| !v.is_empty())
        {
            let argument = match spec.verb {
                "TYPE" => "I",
                "STRU" => "F",
                "MODE" => "S",
                "REST" | "ALLO" => "1",
                "PORT" => "127,0,0,1,8,0",
                "EPRT" => "|1|127.0.0.1|2048|",
                "AUTH" => "TLS",
                "PBSZ" => "0",
                "PROT" => "P",
                "RANG" => "0 9",
                "MFMT" | "MFCT" | "SITE UTIME" => "20200101000000 x",
                "MFF" => "modify=20200101000000; x",
                "COMB" | "SITE COPY" | "SITE SYMLINK" => "x y",
                "SITE CHMOD" => "644 x",
                "SITE" => "HELP",
                "MDTM" => "x",
                _ if spec.syntax.is_empty() || spec.syntax.starts_with('[') => "",
                _ => "x",
            };
            let line = alloc::format!("{verb} {argument}");
            let command = parse(line.as_bytes()).unwrap();
            let verb = if spec.verb == "SITE" {
                "SITE HELP"
            } else {
                spec.verb
            };
            assert_eq!(command.verb(), verb, "{line}");
            assert_eq!(parse(&command.encode()).unwrap(), command, "{line}");
        }
    }
}

proptest! {
    #[test]
    fn what_parses_can_be_said_again(
        row in 0..table::COMMANDS.len(),
        argument in prop_oneof![
            "[ -~]{0,20}", "[0-9]{1,20}", "([0-9]{1,3},){5}[0-9]{1,3}", "\\|[12]\\|[0-9.:]{2,9}\\|[0-9]{1,5}\\|",
        ],
    ) {
        let line = alloc::format!("{} {argument}", table::COMMANDS[row].verb);
        if let Ok(command) = parse(line.as_bytes()) {
            prop_assert_eq!(parse(&command.encode()).unwrap(), command);
        }
    }

    #[test]
    fn any_bytes_are_judged(line in any::<Vec<u8>>()) {
        if let Ok(command) = parse(&line) {
            prop_assert_eq!(parse(&command.encode()).unwrap(), command);
        }
    }
}
