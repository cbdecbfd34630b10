//! The contents API: what is there, what is not, and what may not be seen.

use slipway::github::Error;
use slipway::github::contents::Content;
use slipway::outcome::Outcome;

use super::fake::{CONTENTS, Entry, Fake, Wrong};
use super::prism::Proxy;
use super::{client, slug};

const COMMIT: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";
const PATH: &str = ".github/slipway/security-scan.yml";
const MOST: u64 = 8 * 1024 * 1024;

async fn read(proxy: &Proxy, path: &str) -> Result<Content, Error> {
    client(&proxy.url).file(&slug(), path, COMMIT, MOST).await
}

async fn fake(path: &str, entry: Entry) -> Fake {
    let fake = Fake::start().await;
    {
        let mut state = fake.state();
        state.commits.insert(COMMIT.into());
        state.files.insert((COMMIT.into(), path.into()), entry);
    }
    fake
}

#[tokio::test]
async fn a_file_whatever_its_name_and_size() {
    let large = vec![b'x'; 3 * 1024 * 1024];
    for (path, bytes) in [
        (PATH, b"version: 1\n".to_vec()),
        ("empty", Vec::new()),
        ("a b/100%/ü#?&=.yml", b"odd".to_vec()),
        ("large.yml", large),
    ] {
        let fake = fake(path, Entry::File(bytes.clone())).await;
        let proxy = Proxy::strict(&fake).await;
        assert_eq!(
            read(&proxy, path).await.unwrap(),
            Content::File(bytes),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_file_above_the_limit_is_not_downloaded() {
    let fake = fake(PATH, Entry::File(vec![b'x'; 9 * 1024 * 1024])).await;
    let proxy = Proxy::strict(&fake).await;
    let refused = read(&proxy, PATH).await.unwrap();
    assert_eq!(
        refused,
        Content::Refused("a file of 9437184 bytes (allowed: 8388608)".into())
    );
    assert_eq!(fake.asked("GET "), 1);
}

#[tokio::test]
async fn what_is_no_file_is_refused_in_words() {
    for (entry, wanted) in [
        (Entry::Directory, "a directory"),
        (Entry::Symlink, "a symbolic link"),
        (Entry::Submodule, "a submodule"),
    ] {
        let fake = fake(PATH, entry).await;
        let proxy = Proxy::strict(&fake).await;
        match read(&proxy, PATH).await.unwrap() {
            Content::Refused(why) => assert!(why.starts_with(wanted), "{why}"),
            other => panic!("{wanted}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn absent_only_where_the_token_can_see_that() {
    let fake = fake("README.md", Entry::File(Vec::new())).await;
    let proxy = Proxy::strict(&fake).await;
    assert_eq!(read(&proxy, PATH).await.unwrap(), Content::Absent);

    // The same 404, and none for the root either: the token may not look, or the commit is not there.
    fake.state().commits.clear();
    let error = read(&proxy, PATH).await.unwrap_err();
    let failure = error.failure("The policy at the base commit", "contents: read");
    assert_eq!(failure.outcome, Outcome::Error);
    assert_eq!(
        failure.paste.as_deref(),
        Some("permissions:\n  contents: read")
    );
    assert!(failure.what.contains(PATH), "{failure:?}");

    // The root is refused for another reason: that reason is the error.
    fake.state().commits.insert(COMMIT.into());
    fake.fault(CONTENTS, 1, Wrong::status(404, "Not Found"));
    fake.fault(
        CONTENTS,
        1,
        Wrong::status(403, "Resource not accessible by integration"),
    );
    let Error::Status(status) = read(&proxy, PATH).await.unwrap_err() else {
        panic!()
    };
    assert!(status.is_permission(), "{status}");
}

#[tokio::test]
async fn a_path_cannot_leave_the_contents() {
    let fake = Fake::start().await;
    for path in ["", "/", ".", "../../secrets", "a/../../b"] {
        let error = client(&fake.url)
            .file(&slug(), path, COMMIT, MOST)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::Setup(_)), "{path}: {error}");
    }
    assert_eq!(fake.asked(""), 0);
}

#[tokio::test]
async fn lies_are_not_believed() {
    let fake = Fake::start().await;
    for (body, wanted) in [
        (
            r#"{"type": "file", "size": 1, "content": "%%%", "encoding": "base64"}"#,
            "not base64",
        ),
        (
            r#"{"type": "file", "size": 1, "content": "x", "encoding": "rot13"}"#,
            "rot13",
        ),
        (r#"{"type": "device", "size": 1}"#, "device"),
        ("[]", "documented JSON"),
        ("", "without a body"),
    ] {
        fake.fault(CONTENTS, 1, Wrong::with(200, &[], body));
        let error = client(&fake.url)
            .file(&slug(), PATH, COMMIT, MOST)
            .await
            .unwrap_err();
        assert!(matches!(&error, Error::Protocol { .. }), "{body}: {error}");
        assert!(error.to_string().contains(wanted), "{body}: {error}");
    }
}
