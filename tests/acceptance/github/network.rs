//! Proxies and certificates, through the variables that users set. These are read from the process's
//! environment, so each case is a process of its own: this test binary, running [`ask`] alone.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::fake::{Fake, REPOSITORY};
use super::{TOKEN, client, slug};

/// The other process: asks for a repository and prints what came of it.
#[tokio::test]
#[ignore = "started by the tests below, with an environment of their own"]
async fn ask() {
    let url = std::env::var("URL").expect("URL");
    println!("{:?}", client(&url).repository(&slug()).await);
}

/// What [`ask`] prints under these variables and no others.
async fn asked(url: &str, variables: &[(&str, String)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "github::network::ask",
            "--ignored",
            "--nocapture",
        ])
        .env_clear()
        .env("URL", url)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A certificate of its own for `localhost`, as `cert.pem` and `key.pem`.
fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(' '))
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(folder)
        .output()
        .expect("openssl is on PATH");
    assert!(made.status.success(), "{made:?}");
}

/// TLS in front of a fake; its URL.
async fn secured(fake: &Fake, folder: &Path) -> String {
    let certificate = CertificateDer::from_pem_file(folder.join("cert.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem")).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    let to = fake.url.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, to) = (acceptor.clone(), to.clone());
            tokio::spawn(async move {
                let mut secure = acceptor.accept(stream).await?;
                copy_bidirectional(&mut secure, &mut TcpStream::connect(to).await?).await
            });
        }
    });
    url
}

/// A proxy that tunnels, and the first lines of what it was asked for.
async fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = Arc::clone(&seen);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                seen.lock().unwrap().push(head.clone());
                let to = head.split(' ').nth(1).unwrap_or_default();
                let mut peer = TcpStream::connect(to).await?;
                stream
                    .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    .await?;
                copy_bidirectional(&mut stream, &mut peer).await
            });
        }
    });
    (url, lines)
}

#[tokio::test]
async fn a_private_certificate_counts_once_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let fake = Fake::start().await;
    let url = secured(&fake, folder.path()).await;
    let bundle = folder.path().join("cert.pem").display().to_string();

    let output = asked(&url, &[]).await;
    assert!(
        output.contains("Connect") && output.contains("certificate"),
        "{output}"
    );
    assert_eq!(fake.asked(""), 0);

    let output = asked(&url, &[("SSL_CERT_FILE", bundle)]).await;
    assert!(output.contains("Not Found"), "{output}");
    assert_eq!(fake.asked(REPOSITORY), 1);
}

#[tokio::test]
async fn proxies_are_obeyed_and_never_see_the_token() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let fake = Fake::start().await;
    let url = secured(&fake, folder.path()).await;
    let bundle = (
        "SSL_CERT_FILE",
        folder.path().join("cert.pem").display().to_string(),
    );
    let (proxy, lines) = proxy().await;
    let through = |name: &'static str| vec![bundle.clone(), (name, proxy.clone())];

    for (number, name) in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"]
        .into_iter()
        .enumerate()
    {
        let output = asked(&url, &through(name)).await;
        assert!(output.contains("Not Found"), "{output}");
        assert_eq!(lines.lock().unwrap().len(), number + 1, "{name}");
    }
    let host = url.trim_start_matches("https://");
    for line in lines.lock().unwrap().iter() {
        assert!(
            line.starts_with(&format!("CONNECT {host} HTTP/1.1\r\n")),
            "{line}"
        );
        assert!(!line.contains(TOKEN), "{line}");
    }

    let mut around = through("HTTPS_PROXY");
    around.push(("NO_PROXY", "example.com,localhost".into()));
    asked(&url, &around).await;
    assert_eq!(lines.lock().unwrap().len(), 3);
    assert_eq!(fake.asked(REPOSITORY), 4);

    // A proxy that is gone is named for what it is.
    let gone = ("HTTPS_PROXY", "http://127.0.0.1:9".to_owned());
    let output = asked(&url, &[bundle.clone(), gone]).await;
    assert!(
        output.contains("Connect") && output.contains("refused"),
        "{output}"
    );
}
