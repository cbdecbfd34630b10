//! Images: references that Trivy pulls from their registry, never through the Docker socket, and
//! archives (`docker save`, OCI layout) of the workspace.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::findings::Place;
use super::{Trivy, auth, tool, unwritable};
use crate::outcome::{Failure, Result};
use crate::process::{Folder, RunAs};
use crate::runner::path::RelativePath;
use crate::security_scan::sarif::category;
use crate::security_scan::scan::{Gap, GapKind, Scan, Source, State};
use crate::security_scan::scanners::{Job, Ran, gap, no_network, printable, scan as new_scan};

/// An image to scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As the user wrote it.
    text: String,
    /// Repository without tag or digest, or the archive's path: what stays the same.
    pub name: String,
    /// The archive; None: a reference.
    archive: Option<PathBuf>,
}

impl Target {
    pub(super) fn scan(&self, job: &Job<'_>) -> Scan {
        let category = category::trivy_image(&job.inputs.category, &self.name);
        new_scan(
            Source::TrivyImage(self.name.clone()),
            self.text.clone(),
            category,
            tool(),
        )
    }
}

/// Reads the input `images`. Exit 2: what is neither a reference nor a path of the workspace, and
/// two images of one repository, which would share a category.
pub fn targets(job: &Job<'_>) -> Result<Vec<Target>> {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    let mut targets = Vec::new();
    for text in &job.inputs.images {
        let target = target(job.workspace, text)?;
        if let Some(before) = seen.insert(target.name.clone(), text) {
            return Err(wrong(format!(
                "`{}` and `{}` are both of {}: their findings would replace each other's",
                printable(before),
                printable(text),
                target.name
            ))
            .next("scan them in jobs of their own, with a category of their own"));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn wrong(what: String) -> Failure {
    Failure::invalid("Invalid input `images`", what).next(
        "give a reference such as ghcr.io/acme/api:1.2, or the path of an archive in the workspace",
    )
}

fn target(workspace: &Path, text: &str) -> Result<Target> {
    let looks_like_path = text.starts_with('.')
        || Path::new(text)
            .extension()
            .is_some_and(|extension| ["tar", "tgz", "gz"].iter().any(|known| extension == *known));
    if let Ok(path) = RelativePath::parse(text)
        && !path.is_root()
        && (looks_like_path || path.below(workspace).symlink_metadata().is_ok())
    {
        let archive = path.below(workspace);
        // A link could lead out of the workspace.
        if fs::canonicalize(&archive).is_ok_and(|real| real != archive) {
            return Err(wrong(format!(
                "`{}` is reached by a symbolic link, and links are not followed",
                printable(text)
            )));
        }
        return Ok(Target {
            text: text.to_owned(),
            name: path.as_str().to_owned(),
            archive: Some(archive),
        });
    }
    let reference = |c: char| c.is_ascii_alphanumeric() || "./:@_-[]".contains(c);
    if text.is_empty() || text.starts_with(['-', '/', '.']) || !text.chars().all(reference) {
        return Err(wrong(format!("`{}` is not an image", printable(text))));
    }
    Ok(Target {
        text: text.to_owned(),
        name: category::repository(text).to_owned(),
        archive: None,
    })
}

/// Scans one image.
pub(super) async fn scan(trivy: &Trivy<'_>, target: &Target) -> Result<Ran> {
    let job = trivy.job;
    let folder = Folder::new("slipway-trivy-", job.run_as)?;
    let mut scan = target.scan(job);
    let not_there = |scan: &mut Scan| {
        scan.state = State::Incomplete(vec![not_found(&target.text, "it is not there")]);
    };
    let (args, env) = match &target.archive {
        Some(archive) if !archive.exists() => {
            not_there(&mut scan);
            return Ok(Ran {
                scan,
                log: crate::process::Log::default(),
            });
        }
        Some(archive) => {
            let input = readable(archive, &folder, job.run_as)?;
            (vec!["--input".into(), input.into()], no_network())
        }
        None => {
            let mut env = job.network();
            let auths = auth::docker_config(
                job.inputs.registry_auth.as_ref(),
                job.inputs
                    .token
                    .as_ref()
                    .filter(|_| target.name.starts_with("ghcr.io/")),
            )?;
            if let Some(config) = auths {
                let docker = folder
                    .entrust("docker", "config.json", &config)
                    .map_err(|error| unwritable(&error))?;
                env.push(("DOCKER_CONFIG".into(), docker.into()));
            }
            let args: Vec<OsString> = ["--image-src", "remote", "--", &target.text]
                .iter()
                .map(OsString::from)
                .collect();
            (args, env)
        }
    };
    let process = super::Target {
        folder: &folder,
        command: "image",
        args,
        env,
        place: Place::Image(target.name.clone()),
        tree: None,
    };
    let mut ran = trivy.scan(process, scan, Vec::new()).await?;
    if let State::Incomplete(gaps) = &mut ran.scan.state {
        explain(gaps, &ran.log.text(), target);
    }
    Ok(ran)
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
        format!("image {} could not be scanned: {why}", printable(image)),
        Some(&format!(
            "an image that was only built is in no registry: run: docker save {} > {file}, and give \
             images: {file}",
            printable(image)
        )),
    )
}

/// The archive as the child can read it: itself, or a copy in the child's folder.
fn readable(archive: &Path, folder: &Folder, run_as: RunAs) -> Result<PathBuf> {
    let opens = |path: &Path| -> bool { fs::File::open(path).is_ok() };
    let all_open = run_as
        .act(|| {
            if !archive.is_dir() {
                return opens(archive);
            }
            let blobs = archive.join("blobs/sha256");
            opens(&archive.join("index.json"))
                && fs::read_dir(blobs).is_ok_and(|mut blobs| {
                    blobs.all(|blob| blob.is_ok_and(|blob| opens(&blob.path())))
                })
        })
        .unwrap_or(false);
    if all_open {
        return Ok(archive.to_owned());
    }
    let copy = folder.given().join("image");
    copy_all(archive, &copy).map_err(|error| unwritable(&error))?;
    Ok(copy)
}

/// Copies plain files and folders, readable for everybody below `given`.
pub(super) fn copy_all(from: &Path, to: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_dir() {
        fs::create_dir(to)?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy_all(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else if kind.is_file() {
        let no_link = OFlags::NOFOLLOW.bits().cast_signed();
        let mut from = fs::OpenOptions::new()
            .read(true)
            .custom_flags(no_link)
            .open(from)?;
        let mut copy = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(to)?;
        std::io::copy(&mut from, &mut copy)?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_and_archives() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(workspace.join("layout")).unwrap();
        fs::write(workspace.join("api.tar"), "").unwrap();
        std::os::unix::fs::symlink("/etc", workspace.join("out")).unwrap();
        for (text, archive) in [
            ("layout", true),
            ("./api.tar", true),
            ("missing.tar", true),
            ("sub/missing.tar.gz", true),
            ("nginx", false),
            ("docker.io/library/nginx:1", false),
        ] {
            let target = target(&workspace, text).unwrap();
            assert_eq!(target.archive.is_some(), archive, "{text}");
        }
        for text in [
            "",
            "--config=x",
            "/etc/passwd",
            "../x.tar",
            "a b",
            "out",
            "a\nb",
        ] {
            let failure = target(&workspace, text).unwrap_err();
            assert_eq!(failure.outcome, crate::outcome::Outcome::Invalid, "{text}");
        }
    }
}
