//! Images: references that Trivy pulls from their registry, never through the Docker socket, and
//! archives (`docker save`, OCI layout) of the workspace.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::findings::Place;
use super::{Trivy, copy, tool, unwritable};
use crate::outcome::{Failure, Result};
use crate::process::{Folder, Network, RunAs, nobody_left};
use crate::runner::cancel::Until;
use crate::runner::folder::Folder as Directory;
use crate::runner::path::RelativePath;
use crate::security_scan::sarif::category;
use crate::security_scan::sarif::redact::Found;
use crate::security_scan::scan::{Gap, GapKind, Scan, Source, State};
use crate::security_scan::scanners::{Job, Ran, gap, no_network, scan as new_scan};
use crate::text;

/// An image to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As the user wrote it.
    text: String,
    /// Repository without tag or digest, or the archive's path: what stays the same.
    pub name: String,
    /// The archive, a file or an OCI layout; None: a reference.
    archive: Option<RelativePath>,
    /// A reference by whose name something lies in the workspace, too.
    is_path_too: bool,
}

impl Target {
    pub(super) fn scan(&self, job: &Job<'_>) -> Scan {
        let source = self.source();
        let category = job.category(&source);
        let mut scan = new_scan(source, self.text.clone(), category, tool());
        if self.is_path_too {
            let name = text::line(&self.text);
            scan.notes.push(format!(
                "{name} is taken for a reference and comes from its registry; what lies there in \
                 the workspace is scanned as an image if it is written as ./{name}"
            ));
        }
        scan
    }

    /// The archive's path in the workspace; None: a reference.
    #[must_use]
    pub fn archive(&self) -> Option<&RelativePath> {
        self.archive.as_ref()
    }

    pub(in crate::security_scan::scanners) fn source(&self) -> Source {
        Source::TrivyImage(self.name.clone())
    }
}

/// Reads the input `images`. Exit 2: what is neither a reference nor a path of the workspace, and
/// two images of one repository, which would share a category.
pub fn targets(workspace: &Path, images: &[String]) -> Result<Vec<Target>> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut targets = Vec::new();
    for text in images {
        let target = target(workspace, text)?;
        if let Some(before) = seen.insert(target.name.clone(), text) {
            return Err(wrong(format!(
                "`{}` and `{}` are both of {}: their findings would replace each other's",
                text::line(before),
                text::line(text),
                target.name
            ))
            .next("Scan them in jobs of their own, with a category of their own."));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn wrong(what: String) -> Failure {
    Failure::invalid("Invalid input `images`", what).next(
        "Give a reference such as ghcr.io/acme/api:1.2, or the path of an archive in the workspace, \
         which begins with `./` or ends in .tar, .tar.gz or .tgz.",
    )
}

/// Whether a line of the input means an archive. Decided by how it is written alone: whoever can put
/// files into the workspace must not turn a reference into one.
fn is_archive(text: &str) -> bool {
    text.starts_with("./")
        || [".tar", ".tar.gz", ".tgz"]
            .iter()
            .any(|ending| text.ends_with(ending))
}

fn target(workspace: &Path, text: &str) -> Result<Target> {
    let path = RelativePath::parse(text)
        .ok()
        .filter(|path| !path.is_root());
    if let (true, Some(path)) = (is_archive(text), &path) {
        let archive = path.below(workspace);
        // A link could lead out of the workspace.
        if fs::canonicalize(&archive).is_ok_and(|real| real != archive) {
            return Err(wrong(format!(
                "`{}` is reached by a symbolic link, and links are not followed",
                text::line(text)
            )));
        }
        return Ok(Target {
            text: text.to_owned(),
            name: path.as_str().to_owned(),
            archive: Some(path.clone()),
            is_path_too: false,
        });
    }
    let reference = |c: char| c.is_ascii_alphanumeric() || "./:@_-[]".contains(c);
    if text.is_empty()
        || text.starts_with(['-', '/', '.'])
        || text.ends_with('/')
        || !text.chars().all(reference)
    {
        return Err(wrong(format!("`{}` is not an image", text::line(text))));
    }
    Ok(Target {
        text: text.to_owned(),
        name: category::repository(text).to_owned(),
        archive: None,
        is_path_too: path.is_some_and(|path| path.below(workspace).symlink_metadata().is_ok()),
    })
}

/// Scans one image.
pub(super) async fn scan(trivy: &Trivy<'_>, target: &Target) -> Result<Ran> {
    let job = trivy.job;
    let folder = Folder::new("slipway-trivy-", job.run_as)?;
    let mut scan = target.scan(job);
    let (args, env, network) = match &target.archive {
        Some(archive) => (
            match readable(job.workspace, archive, &folder, job.run_as, trivy.until())? {
                Ok(input) => vec!["--input".into(), input.into()],
                Err(why) => {
                    scan.state = State::Incomplete(vec![not_found(&target.text, &why)]);
                    let log = crate::process::Log::default();
                    return Ok(Ran {
                        scan,
                        log,
                        secrets: Found::default(),
                    });
                }
            },
            no_network(),
            Network::Closed,
        ),
        None => (
            ["--image-src", "remote", "--", &target.text]
                .iter()
                .map(OsString::from)
                .collect(),
            remote(trivy, target, &folder).await?,
            Network::Open,
        ),
    };
    let process = super::Target {
        folder: &folder,
        command: "image",
        args,
        env,
        network,
        place: Place::Image(target.name.clone()),
        root: None,
    };
    let mut ran = trivy.scan(process, scan, Vec::new()).await?;
    if let State::Incomplete(gaps) = &mut ran.scan.state {
        explain(gaps, &ran.log.text(), target);
    }
    Ok(ran)
}

/// The environment for an image that its registry holds: the network, and credentials.
async fn remote(
    trivy: &Trivy<'_>,
    target: &Target,
    folder: &Folder,
) -> Result<Vec<(OsString, OsString)>> {
    let job = trivy.job;
    // A proxy's address may hold a password as well.
    nobody_left(job.run_as).await?;
    let mut env = job.network();
    let token = job.inputs.token.as_ref();
    let token = token.filter(|_| target.name.starts_with("ghcr.io/"));
    if let Some(config) = job.request.credentials.docker_config(token) {
        let docker = folder
            .entrust("docker", "config.json", &config)
            .map_err(|error| unwritable(&error))?;
        env.push(("DOCKER_CONFIG".into(), docker.into()));
    }
    Ok(env)
}

/// What a registry's refusal means. The texts are those of the distribution specification.
fn explain(gaps: &mut Vec<Gap>, log: &str, target: &Target) {
    if !gaps.iter().any(|gap| gap.kind == GapKind::Crashed) {
        return;
    }
    let has = |words: &[&str]| words.iter().any(|word| log.contains(word));
    let why = if has(&["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "404 Not Found"]) {
        Some(not_found(&target.text, "the registry does not have it"))
    } else if has(&[
        "UNAUTHORIZED",
        "DENIED",
        "401 Unauthorized",
        "403 Forbidden",
    ]) {
        let mut gap = not_found(
            &target.text,
            "the registry did not let us see it (or does not have it)",
        );
        gap.next = Some(format!(
            "give registry-auth, for ghcr.io a token with `permissions: packages: read`; {}",
            gap.next.unwrap_or_default()
        ));
        Some(gap)
    } else if has(&[
        "connection refused",
        "no such host",
        "i/o timeout",
        "TLS handshake",
    ]) {
        Some(not_found(&target.text, "its registry could not be reached"))
    } else {
        None
    };
    if let Some(why) = why {
        gaps.retain(|gap| gap.kind != GapKind::Crashed);
        gaps.insert(0, why);
    }
}

fn not_found(image: &str, why: &str) -> Gap {
    let file = "image.tar";
    gap(
        GapKind::NotFound,
        format!("image {} could not be scanned: {why}", text::line(image)),
        Some(&format!(
            "an image that was only built is in no registry: give `images: {file}`, an archive that a \
             step before this one writes; run: docker save {} > {file}",
            text::line(image)
        )),
    )
}

/// The archive as the child can read it: itself, or a copy in the child's folder; or why there is
/// none.
fn readable(
    workspace: &Path,
    archive: &RelativePath,
    folder: &Folder,
    run_as: RunAs,
    until: Until<'_>,
) -> Result<std::result::Result<PathBuf, String>> {
    let path = archive.below(workspace);
    let Ok(data) = path.symlink_metadata() else {
        return Ok(Err("it is not there".to_owned()));
    };
    if !data.is_file() && !data.is_dir() {
        return Ok(Err("it is neither a file nor a folder".to_owned()));
    }
    let may_read = || {
        let root = Directory::root(workspace).ok()?;
        if data.is_file() {
            return root.open_file(archive).ok()?;
        }
        let layout = root.open(archive).ok()??;
        let below = |path: &str| RelativePath::parse(path).ok();
        let blobs = layout.open(&below("blobs/sha256")?).ok()??;
        for blob in fs::read_dir(blobs.path()).ok()? {
            let name = blob.ok()?.file_name();
            blobs.open_file(&below(name.to_str()?)?).ok()??;
        }
        layout.open_file(&below("index.json")?).ok()?
    };
    if run_as.act(|| may_read().is_some()).unwrap_or(false) {
        return Ok(Ok(path));
    }
    let to = folder.given().join("image");
    let root = Directory::root(workspace)?;
    let (parent, name) = archive.split().unwrap_or_default();
    let Some(parent) = root.open(&parent)? else {
        return Ok(Err("it is not there".to_owned()));
    };
    match copy::copy(&parent, name, &to, until) {
        Ok(()) => Ok(Ok(to)),
        // The child that is started next has no time either, and says so.
        Err(_) if until.is_over() => Ok(Ok(to)),
        Err(error) => Err(unwritable(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_archives() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir_all(workspace.join("ghcr.io/acme/worker:1.4")).unwrap();
        fs::write(workspace.join("api.tar"), "").unwrap();
        fs::write(workspace.join("image.gz"), "").unwrap();
        std::os::unix::fs::symlink("/etc", workspace.join("out")).unwrap();
        // What lies in the workspace turns no reference into an archive; it is only told of.
        for (text, archive, is_path_too) in [
            ("./layout", Some("layout"), false),
            (
                "./ghcr.io/acme/worker:1.4",
                Some("ghcr.io/acme/worker:1.4"),
                false,
            ),
            ("ghcr.io/acme/worker:1.4", None, true),
            ("ghcr.io/acme/worker:1.5", None, false),
            ("./api.tar", Some("api.tar"), false),
            ("missing.tar", Some("missing.tar"), false),
            ("sub/missing.tar.gz", Some("sub/missing.tar.gz"), false),
            ("missing.tgz", Some("missing.tgz"), false),
            ("image.gz", None, true),
            ("out", None, true),
            ("nginx", None, false),
            ("docker.io/library/nginx:1", None, false),
        ] {
            let target = target(&workspace, text).unwrap();
            let found = target.archive().map(RelativePath::as_str);
            assert_eq!(
                (found, target.is_path_too),
                (archive, is_path_too),
                "{text}"
            );
        }
        for text in [
            "",
            "--config=x",
            "/etc/passwd",
            "../x.tar",
            "a b",
            "./out",
            "layout/",
            ".layout",
            "a\nb",
        ] {
            let failure = target(&workspace, text).unwrap_err();
            assert_eq!(failure.outcome, crate::outcome::Outcome::Invalid, "{text}");
        }
    }
}
