//! Who knows the key: asked for each signature, and never shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ossftp_oss::CredentialProvider;
use ossftp_oss::credentials::{EcsRamRole, OssutilFile, Process};

use super::*;

#[derive(Debug, Default)]
struct Counting(AtomicU32);

impl CredentialProvider for Counting {
    fn credentials(&self) -> ossftp_oss::Result<Credentials> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            2 => Err(Error::Credentials("gone".to_owned())),
            number => Ok(Credentials::new(format!("id{number}"), SECRET)),
        }
    }
}

#[test]
fn a_provider_is_asked_for_each_signature() {
    let busy = Step::Answer(error("503 Service Unavailable", "ServiceUnavailable"));
    let server = Server::start([busy, uploaded(b"x")]);
    let client = Client::new(config(&server)).unwrap();
    let bucket = client
        .with_provider(Arc::new(Counting::default()))
        .bucket("examplebucket");
    put(&bucket, b"x").unwrap();
    let failed = put(&bucket, b"x").unwrap_err();
    assert_eq!(failed, Error::Credentials("gone".to_owned()));
    assert!(!failed.retryable() && !failed.outcome_unknown());
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for (request, id) in requests.iter().zip(["id0", "id1"]) {
        verify(request);
        let header = request.header("authorization").unwrap();
        assert!(header.contains(&format!("Credential={id}/")), "{header}");
        assert_eq!(request.header("x-oss-security-token"), None);
    }
    let url = bucket.presign("k", &Presign::default()).unwrap();
    assert!(url.url.contains("x-oss-credential=id3%2F"), "{}", url.url);
}

#[derive(Debug)]
struct Renewing {
    renewals: AtomicU32,
    most: u32,
}

impl CredentialProvider for Renewing {
    fn credentials(&self) -> ossftp_oss::Result<Credentials> {
        let number = self.renewals.load(Ordering::Relaxed);
        Ok(Credentials::new(format!("id{number}"), SECRET))
    }

    fn refused(&self) -> bool {
        self.renewals.fetch_add(1, Ordering::Relaxed) < self.most
    }
}

#[test]
fn a_refused_key_is_renewed_once_a_call() {
    let expired = || Step::Answer(error("403 Forbidden", "SecurityTokenExpired"));
    let run = |script: Vec<Step>, most: u32| {
        let server = Server::start(script);
        let renewals = AtomicU32::new(0);
        let provider = Arc::new(Renewing { renewals, most });
        let client = Client::new(config(&server)).unwrap();
        let result = put(
            &client.with_provider(provider).bucket("examplebucket"),
            b"x",
        );
        let requests = server.requests();
        requests.iter().for_each(verify);
        (result.map(|_| ()), requests.len())
    };
    assert_eq!(run(vec![expired(), uploaded(b"x")], 1), (Ok(()), 2));
    let (failed, requests) = run(vec![expired(), expired(), uploaded(b"x")], 9);
    assert_eq!(
        (failed.unwrap_err().code(), requests),
        ("SecurityTokenExpired", 2)
    );
    // There is no other key.
    assert_eq!(run(vec![expired(), uploaded(b"x")], 0).1, 1);
    // A wrong secret is no matter of time.
    let wrong = Step::Answer(error("403 Forbidden", "SignatureDoesNotMatch"));
    assert_eq!(run(vec![wrong, uploaded(b"x")], 9).1, 1);
}

/// The keys of a role that end at this time, in an answer of this time.
fn role_key(id: &str, date: &str, expiration: &str) -> Step {
    let body = format!(
        "{{\"AccessKeyId\":\"{id}\",\"AccessKeySecret\":\"{SECRET}\",\"SecurityToken\":\"the-secret-token\",\
         \"Expiration\":\"{expiration}\",\"LastUpdated\":\"2012-02-24T00:00:00Z\",\"Code\":\"Success\"}}"
    );
    ok(&[("Date", date)], body.as_bytes())
}

const DATE: &str = "Fri, 24 Feb 2012 06:00:00 GMT";

fn role(server: &Server) -> EcsRamRole {
    EcsRamRole::new()
        .with_metadata_url(&format!("http://{}/", server.address))
        .with_limit(Duration::from_secs(5))
}

#[test]
fn a_role_is_asked_once_in_hardened_mode() {
    let server = Server::start([
        Step::Last(answer("200 OK", &[], b"metadata-token")),
        Step::Last(answer("200 OK", &[], b"the.role-1\n")),
        role_key("STS.1", DATE, "2012-02-24T12:00:00Z"),
    ]);
    let role = role(&server);
    for _ in 0..3 {
        let key = role.credentials().unwrap();
        assert_eq!(
            key,
            Credentials::new("STS.1", SECRET).with_token("the-secret-token")
        );
    }
    let requests = server.requests();
    let path = "/latest/meta-data/ram/security-credentials/";
    let lines: Vec<&str> = requests
        .iter()
        .map(|request| request.line.as_str())
        .collect();
    assert_eq!(
        lines,
        [
            "PUT /latest/api/token HTTP/1.1",
            &format!("GET {path} HTTP/1.1"),
            &format!("GET {path}the.role-1 HTTP/1.1"),
        ]
    );
    assert!(
        requests[0]
            .header("x-aliyun-ecs-metadata-token-ttl-seconds")
            .is_some()
    );
    for request in &requests[1..] {
        let token = request.header("x-aliyun-ecs-metadata-token");
        assert_eq!(token, Some("metadata-token"));
    }
    let shown = format!("{role:?}");
    assert!(
        !shown.contains(SECRET) && !shown.contains("token"),
        "{shown}"
    );
}

#[test]
fn a_role_without_tokens_is_asked_without_one() {
    let missing = || Step::Last(answer("404 Not Found", &[], b""));
    let server = Server::start([missing(), role_key("STS.2", DATE, "2012-02-24T12:00:00Z")]);
    let key = role(&server)
        .with_role("named")
        .unwrap()
        .credentials()
        .unwrap();
    assert_eq!(key.access_key_id, "STS.2");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[1].header("x-aliyun-ecs-metadata-token"), None);

    let server = Server::start([missing(), missing(), missing()]);
    let role = role(&server)
        .with_limit(Duration::from_millis(500))
        .requiring_token();
    assert!(matches!(role.credentials(), Err(Error::Credentials(_))));
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.line.starts_with("PUT "))
    );
}

#[test]
fn a_failing_metadata_service_is_tried_three_times() {
    let token = || Step::Last(answer("200 OK", &[], b"t"));
    let broken = || {
        Step::Last(answer(
            "500 Internal Server Error",
            &[],
            b"the-very-secret-key",
        ))
    };
    let server = Server::start([token(), broken(), token(), broken(), token(), broken()]);
    let role = role(&server).with_limit(Duration::from_secs(2));
    let failed = role.credentials().unwrap_err();
    let text = "no access key: the metadata service answers 500";
    assert_eq!(failed.to_string(), text);
    assert_eq!(server.requests().len(), 6);

    // There is no role: asking again does not help.
    let missing = || Step::Last(answer("404 Not Found", &[], b""));
    let server = Server::start([token(), missing()]);
    assert!(self::role(&server).credentials().is_err());
    assert_eq!(server.requests().len(), 2);

    // A name that would lead elsewhere is not asked for.
    let evil = || Step::Last(answer("200 OK", &[], b"../../evil"));
    let script = [token(), evil(), token(), evil(), token(), evil()];
    let server = Server::start(script);
    let role = self::role(&server).with_limit(Duration::from_secs(2));
    assert!(role.credentials().is_err());
    assert!(
        server
            .requests()
            .iter()
            .all(|request| !request.line.contains("evil"))
    );
    assert!(matches!(
        EcsRamRole::new().with_role("../x"),
        Err(Error::Invalid(_))
    ));
}

#[test]
fn a_silent_metadata_service_ends_at_the_limit() {
    let server = Server::start((0..8).map(|_| Step::Stall));
    let role = role(&server).with_limit(Duration::from_millis(200));
    let failed = role.credentials().unwrap_err();
    let text = "no access key: the metadata service does not answer";
    assert_eq!(failed.to_string(), text);
}

#[cfg(unix)]
mod commands {
    use super::*;

    fn shell(script: &str) -> Process {
        Process::new("/bin/sh", ["-c", script])
    }

    #[test]
    fn what_a_command_prints_is_the_key() {
        let script =
            "printf '{\"AccessKeyId\":\"a\",\"AccessKeySecret\":\"b\",\"SecurityToken\":\"c\"}'";
        let process = shell(script);
        assert_eq!(
            process.credentials().unwrap(),
            Credentials::new("a", "b").with_token("c")
        );
        assert!(
            !format!("{process:?}").contains("AccessKey"),
            "arguments may be secret"
        );
    }

    #[test]
    fn a_command_is_bounded_and_tells_nothing() {
        for (script, text) in [
            ("echo the-very-secret-key", "no JSON"),
            (
                "echo '{\"AccessKeyId\":\"a\"}'",
                "no AccessKeyId and AccessKeySecret",
            ),
            ("echo '{}'; exit 3", "the command failed: exit status: 3"),
            ("exec cat /dev/zero", "the command prints too much"),
            ("exec sleep 1000", "the command takes too long"),
            ("exec >&-; exec sleep 1000", "the command takes too long"),
        ] {
            let limit = match text {
                "the command takes too long" => Duration::from_millis(100),
                _ => Duration::from_secs(10),
            };
            let failed = shell(script).with_limit(limit).credentials().unwrap_err();
            assert_eq!(
                failed.to_string(),
                format!("no access key: {text}"),
                "{script}"
            );
        }
        let nothing = Process::new("/no/such/command", ["the-very-secret-key"]);
        let failed = nothing.credentials().unwrap_err();
        assert_eq!(
            failed.to_string(),
            "no access key: the command can't be run: entity not found"
        );
    }
}

#[test]
fn a_file_is_read_again_when_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ossutilconfig");
    let write = |id: &str, seconds: u64| {
        let text = format!("[default]\naccessKeyID={id}\naccessKeySecret={SECRET}\n");
        std::fs::write(&path, text).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let at = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(at).unwrap();
    };
    let file = OssutilFile::new(&path, None);
    assert!(matches!(file.credentials(), Err(Error::Credentials(_))));
    write("one", 1_000_000);
    assert_eq!(file.credentials().unwrap(), Credentials::new("one", SECRET));
    write("two", 2_000_000);
    assert_eq!(file.credentials().unwrap(), Credentials::new("two", SECRET));
    assert!(!format!("{file:?}").contains(SECRET));
}
