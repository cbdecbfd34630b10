//! Configuration that Trivy should judge, by what a file holds: Trivy says nothing of a file that
//! it does not take for Kubernetes, `CloudFormation` or a Dockerfile, and nothing of a document that
//! it does not read.
//!
//! What a file holds is told by another parser of YAML (JSON is YAML), which minds neither keys
//! that stand there twice nor unknown tags. Where it fails as well, the beginnings of lines tell.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use granit_parser::{Event, Marker, Parser};

use super::manifest;

/// Bytes of a file that are looked at; the API servers of Kubernetes and `CloudFormation` take less.
const LARGEST: u64 = 16 << 20;

/// A file that git tracks and that holds configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Relative to the workspace.
    pub path: PathBuf,
    pub holds: Holds,
}

/// What is in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    pub formats: BTreeSet<Format>,
    /// The first line of a Kubernetes document that Trivy does not read.
    pub lost: Option<usize>,
    /// Kubernetes objects in a list, which Trivy does not judge one by one.
    pub list: bool,
    /// It is no YAML, and holds `{{`: what becomes of it is up to a template engine.
    pub template: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    Kubernetes,
    CloudFormation,
    Dockerfile,
}

/// Whether a file of this name can hold configuration.
pub(super) fn is_known(path: &Path) -> bool {
    is_yaml(path) || is_dockerfile(path)
}

fn is_yaml(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["yaml", "yml", "json"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known))
}

/// `Dockerfile`, `Dockerfile.dev`, `dev.Dockerfile`, `Dockerfile-dev`; Podman's `Containerfile`. In
/// any case, which Trivy minds. Source: `detectDockerfile` in `pkg/iac/detection/detect.go`.
fn is_dockerfile(path: &Path) -> bool {
    let name = path.file_name().map_or(&b""[..], OsStr::as_bytes);
    let name = name.to_ascii_lowercase();
    ["dockerfile", "containerfile"].iter().any(|known| {
        let known = known.as_bytes();
        let behind = name.strip_prefix(known).map(|rest| rest.first());
        matches!(behind, Some(None | Some(b'.' | b'-' | b'_')))
            || name
                .strip_suffix(known)
                .is_some_and(|rest| rest.ends_with(b"."))
    })
}

/// Looks into a file; None if it holds no configuration.
pub(super) fn read(path: &Path, file: &mut impl Read) -> io::Result<Option<Holds>> {
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    let text = manifest::decode(&bytes);
    let holds = if is_dockerfile(path) && has_from(&text) {
        Holds {
            formats: BTreeSet::from([Format::Dockerfile]),
            ..Holds::default()
        }
    } else if is_yaml(path) {
        of_yaml(&text)
    } else {
        Holds::default()
    };
    Ok((!holds.formats.is_empty()).then_some(holds))
}

/// Whether it is meant as a Dockerfile: one begins with FROM, behind comments and ARG.
fn has_from(text: &str) -> bool {
    text.lines().any(|line| {
        let word = line.split_whitespace().next().unwrap_or_default();
        word.eq_ignore_ascii_case("from")
    })
}

fn of_yaml(text: &str) -> Holds {
    // Most files are told by this alone; escapes could hide a key.
    let words = [
        "apiVersion",
        "Resources",
        "\\x",
        "\\u",
        "\\U",
        "\\\n",
        "\\\r",
    ];
    if !words.iter().any(|word| text.contains(word)) {
        return Holds::default();
    }
    let mut seen = Seen::new(text);
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_event() {
            None => break,
            Some(Ok((event, span))) => seen.event(&event, &span.start),
            Some(Err(_)) => {
                let mut holds = seen.holds;
                by_lines(text, &mut holds);
                holds.template = text.contains("{{");
                return holds;
            }
        }
    }
    seen.holds
}

const KEYS: [&str; 4] = ["apiVersion", "kind", "metadata", "items"];

/// What is at the top of a document.
#[derive(Default)]
struct Document {
    keys: BTreeSet<&'static str>,
    /// The same words anywhere in it.
    words: BTreeSet<&'static str>,
    /// Keys that a merge or an alias brings are not known.
    is_unclear: bool,
    /// It has a list of items.
    items: bool,
    /// It has resources of `CloudFormation`.
    resources: bool,
    /// Its first line, if Trivy does not read it.
    lost: Option<usize>,
}

impl Document {
    /// What `kubectl apply` takes has `metadata`, or is a list; other tools have files of their own
    /// with `apiVersion` and `kind` alone (Kustomize, Skaffold, kubeconfig).
    fn is_kubernetes(&self) -> bool {
        let known = if self.is_unclear {
            &self.words
        } else {
            &self.keys
        };
        let has = |key| known.contains(key);
        has("apiVersion") && has("kind") && (has("metadata") || self.items)
    }

    fn add_to(&self, holds: &mut Holds) {
        if self.is_kubernetes() {
            holds.formats.insert(Format::Kubernetes);
            holds.list |= self.items;
            holds.lost = holds.lost.or(self.lost);
        }
        if self.resources {
            holds.formats.insert(Format::CloudFormation);
        }
    }
}

/// What the events of a parser have told.
struct Seen<'a> {
    text: &'a str,
    holds: Holds,
    document: Document,
    /// Documents since the last line that Trivy splits at.
    in_part: usize,
    /// Trivy splits right before this document, and it has held nothing so far.
    is_empty_part: bool,
    /// Collections around the next node.
    open: Vec<Open>,
}

/// A sequence, or a mapping with its last key.
enum Open {
    Sequence,
    Mapping { key: String, is_value: bool },
}

impl Open {
    /// Whether it is a mapping, now at the value of this key.
    fn is_at(&self, name: &str) -> bool {
        matches!(self, Self::Mapping { key, .. } if key == name)
    }
}

impl<'a> Seen<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            holds: Holds::default(),
            document: Document::default(),
            in_part: 0,
            is_empty_part: false,
            open: Vec::new(),
        }
    }

    fn event(&mut self, event: &Event<'_>, at: &Marker) {
        match event {
            Event::DocumentStart(explicit, _) => self.start(*explicit, at),
            Event::DocumentEnd => {
                self.document.add_to(&mut self.holds);
                if self.is_empty_part {
                    self.in_part = 0;
                }
            }
            Event::Scalar(text, ..) => {
                self.is_empty_part &= matches!(text.as_ref(), "" | "~");
                self.node(Some(text));
            }
            Event::Alias(_) => self.node(None),
            Event::SequenceStart(..) => {
                self.is_empty_part = false;
                self.node(None);
                self.open.push(Open::Sequence);
            }
            Event::MappingStart(..) => {
                self.is_empty_part = false;
                self.node(None);
                self.open.push(Open::Mapping {
                    key: String::new(),
                    is_value: false,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
            }
            _ => {}
        }
    }

    /// Trivy splits at lines that are `---` and nothing else, and reads the first document of each
    /// part. Source: `Parse` in `pkg/iac/scanners/kubernetes/parser/parser.go`.
    fn start(&mut self, explicit: bool, at: &Marker) {
        let (before, behind) = at
            .byte_offset()
            .and_then(|at| self.text.split_at_checked(at))
            .unwrap_or_default();
        let is_part = explicit
            && (before.is_empty() || before.ends_with('\n'))
            && (behind.starts_with("---\n") || behind.starts_with("---\r\n"));
        if is_part {
            self.in_part = 0;
        }
        self.document = Document {
            lost: (self.in_part > 0).then(|| at.line()),
            ..Document::default()
        };
        self.is_empty_part = is_part;
        self.in_part += 1;
        self.open.clear();
    }

    /// A node: its text if it is a scalar.
    fn node(&mut self, text: Option<&str>) {
        let document = &mut self.document;
        let word = text.and_then(|text| KEYS.into_iter().find(|key| *key == text));
        document.words.extend(word);
        match self.open.as_slice() {
            [root, Open::Sequence] if root.is_at("items") => document.items = true,
            [root, Open::Mapping { .. }, inner] if root.is_at("Resources") => {
                let at_type = matches!(inner, Open::Mapping { is_value: true, .. });
                document.resources |=
                    at_type && inner.is_at("Type") && text.is_some_and(|text| text.contains("::"));
            }
            _ => {}
        }
        let is_top = self.open.len() == 1;
        if let Some(Open::Mapping { key, is_value }) = self.open.last_mut() {
            if !*is_value {
                text.unwrap_or_default().clone_into(key);
                if is_top {
                    document.keys.extend(word);
                    document.is_unclear |= text.is_none_or(|text| text == "<<");
                }
            }
            *is_value = !*is_value;
        }
    }
}

/// What the beginnings of lines tell of a text that does not parse.
fn by_lines(text: &str, holds: &mut Holds) {
    let mut document = Lines::default();
    let mut in_part = 0;
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.starts_with("---") || line.starts_with("...") {
            in_part += usize::from(document.end(in_part > 0, holds));
            if line == "---" {
                in_part = 0;
            }
            document.line = number + 1;
        }
        document.read(line.trim_start_matches("---"));
    }
    document.end(in_part > 0, holds);
}

#[derive(Default)]
struct Lines {
    /// Known keys at the beginnings of lines, with how far they are indented.
    keys: Vec<(usize, &'static str)>,
    /// How far the top is indented, once there is something.
    indent: Option<usize>,
    types: bool,
    line: usize,
}

impl Lines {
    fn read(&mut self, line: &str) {
        let content = line.trim_start();
        if content.is_empty() || content.starts_with('#') {
            return;
        }
        let indent = line.len() - content.len();
        self.indent = Some(self.indent.map_or(indent, |known| known.min(indent)));
        self.types |= content.contains("::");
        let known = KEYS.into_iter().chain(["Resources"]);
        let is_key = |key: &&str| {
            let quoted = content.contains(&format!("\"{key}\"")) && content.starts_with('{');
            let plain = content.trim_start_matches(['"', '\'']).strip_prefix(*key);
            let plain = plain.map(|rest| rest.trim_start_matches(['"', '\'', ' ', '\t']));
            quoted || plain.is_some_and(|rest| rest.starts_with(':'))
        };
        self.keys
            .extend(known.filter(is_key).map(|key| (indent, key)));
    }

    /// Ends the document and begins another. Whether there was something in it.
    fn end(&mut self, is_lost: bool, holds: &mut Holds) -> bool {
        let lines = std::mem::take(self);
        let at_top =
            |(indent, key): &(usize, &'static str)| (Some(*indent) == lines.indent).then_some(*key);
        let keys: BTreeSet<&'static str> = lines.keys.iter().filter_map(at_top).collect();
        let document = Document {
            items: keys.contains("items"),
            resources: keys.contains("Resources") && lines.types,
            keys,
            lost: is_lost.then_some(lines.line),
            ..Document::default()
        };
        document.add_to(holds);
        lines.indent.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n";
    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n";

    fn holds(name: &str, text: impl AsRef<[u8]>) -> Holds {
        let read = read(Path::new(name), &mut text.as_ref()).unwrap();
        read.unwrap_or_default()
    }

    #[expect(clippy::too_many_lines, reason = "a table")]
    #[test]
    fn what_a_file_holds() {
        use Format::{CloudFormation as C, Dockerfile as D, Kubernetes as K};
        let utf16: Vec<u8> = format!("\u{feff}{POD}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let resource = "Resources:\n  B:\n    Type: AWS::S3::Bucket\n";
        for (name, text, format) in [
            ("a.yaml", POD, Some(K)),
            ("a.YML", POD, Some(K)),
            ("a.txt", POD, None),
            ("a.yaml", &format!("kind: Pod\n{POD}"), Some(K)),
            ("a.yaml", &POD.replace(": x", ": !!binary x"), Some(K)),
            ("a.yaml", &POD.replace("kind:", "? kind\n:"), Some(K)),
            (
                "a.yaml",
                "{apiVersion: v1, kind: Pod, metadata: {name: x}}",
                Some(K),
            ),
            (
                "a.yaml",
                "\"api\\x56ersion\": v1\nkind: Pod\nmetadata: {}\n",
                Some(K),
            ),
            (
                "a.yaml",
                "a: &a {apiVersion: v1, kind: Pod}\n<<: *a\nmetadata: {}\n",
                Some(K),
            ),
            ("a.yaml", &format!("x: *nope\n---\n{POD}"), Some(K)),
            ("a.yaml", &format!("a: [\n---\n{POD}"), Some(K)),
            (
                "a.yaml",
                &format!("{{{{ if .x }}}}\n{POD}{{{{ end }}}}\n"),
                Some(K),
            ),
            (
                "a.json",
                "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{}}",
                Some(K),
            ),
            (
                "a.json",
                "\u{feff}{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Pod\",\n\t\"metadata\": {}\n}",
                Some(K),
            ),
            (
                "a.json",
                "# c\n{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{}}",
                Some(K),
            ),
            (
                "a.json",
                "{}{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{}}",
                Some(K),
            ),
            // Kustomize, kubeconfig; a workflow; Compose.
            (
                "a.yaml",
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
                None,
            ),
            (
                "a.yaml",
                "apiVersion: v1\nkind: Config\nclusters: []\n",
                None,
            ),
            (
                "a.yml",
                &format!(
                    "jobs:\n  a:\n    run: |\n      {}",
                    POD.replace('\n', "\n      ")
                ),
                None,
            ),
            ("a.yml", "services:\n  a:\n    image: x\n", None),
            ("a.yaml", &format!("- {}", POD.replace('\n', "\n  ")), None),
            (
                "a.json",
                "{\"a\": {\"apiVersion\": 1, \"kind\": 2, \"metadata\": 3}}",
                None,
            ),
            ("a.yaml", resource, Some(C)),
            ("a.yaml", &format!("A: a\nA: b\n{resource}"), Some(C)),
            ("a.yaml", &format!("{resource}  C: !Foo\n"), Some(C)),
            (
                "a.json",
                "{\"Resources\": {\"B\": {\"Type\": \"AWS::S3::Bucket\"}}}",
                Some(C),
            ),
            ("a.yaml", &format!("A: [\n{resource}"), Some(C)),
            ("a.yaml", "Resources:\n  a: b\n", None),
            ("a.json", "{\"Resources\": []}", None),
            (
                "serverless.yml",
                &format!("resources:\n  {}", resource.replace('\n', "\n  ")),
                None,
            ),
            ("dockerfile", "from debian:12\n", Some(D)),
            ("DOCKERFILE.dev", "# c\nARG A\nFROM debian:12\n", Some(D)),
            ("Dockerfile-dev", "FROM debian:12\n", Some(D)),
            ("dev.dockerfile", "FROM debian:12\n", Some(D)),
            ("containerfile", "FROM debian:12\n", Some(D)),
            ("Dockerfile", "# nothing\n", None),
            ("dockerfiles", "FROM debian:12\n", None),
            ("mydockerfile", "FROM debian:12\n", None),
        ] {
            let found = holds(name, text).formats;
            assert_eq!(found, format.into_iter().collect(), "{name}: {text}");
        }
        assert_eq!(holds("a.yaml", utf16).formats, BTreeSet::from([K]));
    }

    /// The real Trivy is held to the same in `tests/acceptance/scanners/silence.rs`.
    #[test]
    fn which_documents_trivy_does_not_read() {
        for (between, lost) in [
            ("---\n", None),
            ("---\r\n", None),
            ("...\n---\n", None),
            ("---\n---\n", None),
            ("---\n--- # c\n", None),
            ("--- \n", Some(5)),
            ("---\t\n", Some(5)),
            ("--- # c\n", Some(5)),
            ("--- !!map\n", Some(5)),
            ("...\n", Some(6)),
            ("--- # c\n--- # c\n", Some(6)),
        ] {
            assert_eq!(
                holds("a.yaml", format!("{MAP}{between}{POD}")).lost,
                lost,
                "{between:?}"
            );
            // Where nothing parses.
            let text = format!("{MAP}{between}{POD}x: *nope\n");
            assert_eq!(
                holds("a.yaml", text).lost.is_some(),
                lost.is_some(),
                "{between:?}"
            );
        }
        for text in [
            format!("--- # first\n{POD}"),
            format!("# c\n--- # first\n{POD}--- # end\n"),
            format!("{POD}--- \n"),
            format!("{POD}--- # c\n---\n{MAP}"),
            format!("a: b\n--- # c\nc: d\n---\n{POD}"),
            format!("{POD}data:\n  a: |\n    --- # c\n    x\n"),
        ] {
            assert_eq!(holds("a.yaml", &text).lost, None, "{text}");
        }
    }

    #[test]
    fn lists_and_templates() {
        let list = |items: &str| format!("apiVersion: v1\nkind: List\nitems: {items}\n");
        assert!(holds("a.yaml", list("[{kind: Pod}]")).list);
        assert!(holds("a.yaml", list("\n- kind: Pod")).list);
        assert_eq!(holds("a.yaml", list("[]")), Holds::default());
        assert!(!holds("a.yaml", format!("{POD}spec:\n  items: [1]\n")).list);
        assert!(holds("a.yaml", format!("{POD}{{{{ end }}}}\n")).template);
        assert!(!holds("a.yaml", format!("{POD}# {{{{ end }}}}\n")).template);
    }
}
