//! What a scanner found must not be printed: secrets leave messages before anybody sees them.
//!
//! Three things are taken for a secret:
//! 1. What a finder of secrets shows: the snippet of its result, its lines, and what stands in
//!    quotes or behind `=` or `:` in it.
//! 2. What a message about a hard-coded password quotes: Bandit's B105, B106 and B107, and any
//!    quoted text in the message of a finder of secrets.
//! 3. What has the shape of a well-known token, in any message ([`TOKENS`]).
//!
//! Trivy shows where a secret stands; the file itself tells what it is ([`Found::learn_masked`]).
//!
//! A message that quotes a secret loses it whatever it is. In all other texts of the run, texts
//! from [`SHORTEST`] characters on are replaced, unless the tool's own rules use them too:
//! `password` in `hardcoded_password_string` is no secret, and blanking it would only garble the
//! report.
//!
//! Snippets, context regions and artifact contents are dropped when SARIF is read; GitHub shows
//! the file itself.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::security_scan::finding::{Finding, Kind, Rule};
use crate::security_scan::scan::{Scan, State};

/// What stands in a secret's place: the runner's own choice.
pub const MASK: &str = "***";

/// The least length in bytes of a text that is replaced wherever it occurs. A shorter one is part
/// of ordinary words.
pub const SHORTEST: usize = 6;

/// Beginnings of well-known tokens, and how many token characters follow at least. GitHub, AWS,
/// Slack, GitLab, Google, npm, PyPI, Stripe.
pub const TOKENS: [(&str, usize); 18] = [
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("AKIA", 16),
    ("ASIA", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("glpat-", 16),
    ("AIza", 30),
    ("npm_", 30),
    ("pypi-", 30),
    ("sk_live_", 16),
    ("rk_live_", 16),
    ("eyJ", 40),
];

/// Every secret that scanners have shown so far.
#[derive(Clone, Default)]
pub struct Found(BTreeSet<String>);

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Found({})", self.0.len())
    }
}

/// What Bandit says of a hard-coded password, without it, and the password; None for its other tests.
/// The words end at the colon, behind which it stands in quotes and may hold quotes itself.
/// Source: `bandit/plugins/general_hardcoded_password.py` (B105, B106, B107).
#[must_use]
pub fn without_password<'a>(rule: &str, message: &'a str) -> Option<(String, &'a str)> {
    if !matches!(rule, "B105" | "B106" | "B107") {
        return None;
    }
    let quoted = message.find('\'').zip(message.rfind('\''));
    let password = quoted.and_then(|(first, last)| message.get(first + 1..last));
    let safe = message.split(':').next().unwrap_or_default().trim();
    let safe = if safe.is_empty() || safe.contains(['\'', '"']) {
        "Possible hardcoded password"
    } else {
        safe
    };
    Some((safe.to_owned(), password.unwrap_or_default()))
}

impl Found {
    /// The secrets, for the runner's masks. Never to be printed.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Takes over what another has.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn learn(&mut self, text: &str) {
        let text = text.trim();
        if text.len() >= SHORTEST && text.chars().any(|letter| letter != '*') {
            self.0.insert(text.to_owned());
        }
    }

    /// Learns from the text that a finder of secrets matched.
    pub fn learn_snippet(&mut self, snippet: &str) {
        self.learn(snippet);
        for line in snippet.lines() {
            if snippet.trim().contains('\n') {
                self.learn(line);
            }
            for (_, quoted) in quotes(line) {
                self.learn(quoted);
            }
            if let Some((_, value)) = line.split_once(['=', ':']) {
                self.learn(value.trim().trim_matches(['"', '\'', '`', ',', ';']));
            }
        }
    }

    /// Learns from lines of a file and what a finder of secrets shows of them, with an asterisk
    /// for each byte of the secret. It may show less than the whole line: what it shows begins or
    /// ends in asterisks then, and the secret goes on to the end of its word.
    pub fn learn_masked(&mut self, lines: &[&[u8]], shown: &str) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let &[line] = lines else {
            for line in lines {
                self.learn(&text(line));
            }
            return;
        };
        let shown = shown.as_bytes();
        let fits = |part: &[u8]| {
            let mut pairs = part.iter().zip(shown);
            pairs.all(|(byte, mask)| *mask == b'*' || byte == mask)
        };
        let found = (!shown.is_empty()).then(|| line.windows(shown.len()).position(fits));
        let Some(start) = found.flatten() else {
            self.learn_snippet(&text(line));
            for word in line.split(u8::is_ascii_whitespace) {
                self.learn(&text(word));
            }
            return;
        };
        let masked = |at: usize| at.checked_sub(start).and_then(|at| shown.get(at)) == Some(&b'*');
        let ends = |byte: u8| byte.is_ascii_whitespace() || b"\"'`,;".contains(&byte);
        let mut at = start;
        while at < start + shown.len() {
            let run = (at..line.len()).take_while(|at| masked(*at)).count();
            if run == 0 {
                at += 1;
                continue;
            }
            let (mut from, mut to) = (at, at + run);
            while at == start && from > 0 && !ends(line[from - 1]) {
                from -= 1;
            }
            while to >= start + shown.len() && to < line.len() && !ends(line[to]) {
                to += 1;
            }
            self.learn(&text(&line[at..at + run]));
            self.learn(&text(&line[from..to]));
            at = to;
        }
    }

    /// A message without what it quotes, if its rule is about a secret, and without well-known
    /// tokens. Learns what it takes out.
    pub fn clean_message(&mut self, tool: &str, rule: &str, kind: Kind, message: &str) -> String {
        let mut message = message.to_owned();
        if tool.eq_ignore_ascii_case("bandit")
            && let Some((safe, password)) = without_password(rule, &message)
        {
            self.learn(password);
            message = safe;
        } else if kind == Kind::Secret {
            let hidden: Vec<_> = quotes(&message)
                .into_iter()
                .filter(|(_, quoted)| *quoted != rule && !quoted.trim().is_empty())
                .map(|(start, quoted)| (start, quoted.to_owned()))
                .collect();
            for (start, quoted) in hidden.into_iter().rev() {
                self.learn(&quoted);
                message.replace_range(start..start + quoted.len(), MASK);
            }
        }
        for token in tokens(&message) {
            self.learn(&token);
            message = message.replace(&token, MASK);
        }
        message
    }

    /// Takes every secret and every well-known token out of all texts of the scans, and out of logs
    /// (name and text). Parsers put what they quote into lower case: the case of letters does not
    /// count.
    pub fn clean(&self, scans: &mut [Scan], logs: &mut [(String, String)]) {
        let public: Vec<&str> = scans
            .iter()
            .flat_map(|scan| scan.rules.values())
            .flat_map(rule_texts)
            .collect();
        let secrets = self
            .0
            .iter()
            .filter(|secret| !public.iter().any(|text| text.contains(secret.as_str())));
        // Logs quote.
        let quoted = |secret: &String| secret.replace('\\', r"\\").replace('"', "\\\"");
        let secrets: BTreeSet<String> = secrets
            .flat_map(|secret| [secret.clone(), quoted(secret)])
            .collect();
        let masks = vec![MASK; secrets.len()];
        let Ok(finder) = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&secrets)
        else {
            // Too many for one automaton: no text is better than a secret.
            each(scans, logs, &mut |text| MASK.clone_into(text));
            return;
        };
        each(scans, logs, &mut |text| {
            if finder.is_match(text.as_str()) {
                *text = finder.replace_all(text, &masks);
            }
            for token in tokens(text) {
                *text = text.replace(&token, MASK);
            }
        });
    }
}

/// Texts that a tool publishes with each release: nothing in them is a secret.
fn rule_texts(rule: &Rule) -> impl Iterator<Item = &str> {
    [
        Some(&rule.id),
        rule.name.as_ref(),
        rule.short_description.as_ref(),
        rule.full_description.as_ref(),
        rule.help.as_ref(),
    ]
    .into_iter()
    .flatten()
    .map(String::as_str)
}

fn each(scans: &mut [Scan], logs: &mut [(String, String)], change: &mut dyn FnMut(&mut String)) {
    for scan in scans {
        each_text(scan, change);
    }
    for (_, log) in logs {
        change(log);
    }
}

/// Every text of a scan that may hold what was found.
fn each_text(scan: &mut Scan, change: &mut dyn FnMut(&mut String)) {
    for finding in &mut scan.findings {
        let Finding { message, flows, .. } = finding;
        change(message);
        for value in flows
            .code_flows
            .iter_mut()
            .chain(&mut flows.related_locations)
        {
            each_json_text(value, change);
        }
    }
    scan.notes.iter_mut().for_each(&mut *change);
    for ignore in &mut scan.inline_ignores.listed {
        change(&mut ignore.text);
    }
    if let State::Incomplete(gaps) = &mut scan.state {
        for gap in gaps {
            change(&mut gap.what);
            gap.next.iter_mut().for_each(&mut *change);
        }
    }
}

fn each_json_text(value: &mut serde_json::Value, change: &mut dyn FnMut(&mut String)) {
    match value {
        serde_json::Value::String(text) => change(text),
        serde_json::Value::Array(values) => {
            for value in values {
                each_json_text(value, change);
            }
        }
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                // An address: changing it would point elsewhere.
                if name != "uri" {
                    each_json_text(value, change);
                }
            }
        }
        _ => {}
    }
}

/// What stands between two equal quotes, with where it starts. A quote inside a word (an
/// apostrophe) opens nothing.
fn quotes(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(offset) = text[rest..].find(['"', '\'', '`']) {
        let open = rest + offset;
        let quote = &text[open..=open];
        let in_word = text[..open]
            .chars()
            .next_back()
            .is_some_and(char::is_alphanumeric);
        rest = open + 1;
        if in_word && quote == "'" {
            continue;
        }
        if let Some(length) = text[rest..].find(quote) {
            found.push((rest, &text[rest..rest + length]));
            rest += length + 1;
        }
    }
    found
}

/// Well-known tokens in a text. One can follow `\n` or `\t` of a text that is quoted.
fn tokens(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| {
        !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.'))
    })
    .flat_map(|word| [Some(word), word.strip_prefix(['n', 'r', 't'])])
    .flatten()
    .filter(|word| {
        TOKENS.iter().any(|(start, least)| {
            word.strip_prefix(start)
                .is_some_and(|rest| rest.len() >= *least)
        })
    })
    .map(str::to_owned)
    .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::security_scan::sarif::tests::scan;
    use crate::security_scan::testing::finding;

    #[test]
    fn messages_lose_what_they_quote() {
        for (tool, rule, kind, message, cleaned, learned) in [
            (
                "Bandit",
                "B105",
                Kind::Code,
                "Possible hardcoded password: 'it's \"secret\"'",
                "Possible hardcoded password",
                vec!["it's \"secret\""],
            ),
            (
                "Bandit",
                "B105",
                Kind::Code,
                "Possible hardcoded password: ''",
                "Possible hardcoded password",
                vec![],
            ),
            (
                "Bandit",
                "B608",
                Kind::Code,
                "Possible SQL injection in 'query'",
                "Possible SQL injection in 'query'",
                vec![],
            ),
            // The name of a variable, not what it holds.
            (
                "ruff",
                "S105",
                Kind::Code,
                "Possible hardcoded password assigned to: \"PASSWORD\"",
                "Possible hardcoded password assigned to: \"PASSWORD\"",
                vec![],
            ),
            (
                "finder",
                "generic-key",
                Kind::Secret,
                "Rule `generic-key` doesn't like \"s3cr3t-value\" here",
                "Rule `generic-key` doesn't like \"***\" here",
                vec!["s3cr3t-value"],
            ),
            (
                "any",
                "r",
                Kind::Code,
                // In two parts, so that no scanner takes this file for a leak.
                concat!(
                    "uses ghp",
                    "_0123456789abcdefghijABCDEFGHIJ012345, see AKIA docs"
                ),
                "uses ***, see AKIA docs",
                vec![concat!("ghp", "_0123456789abcdefghijABCDEFGHIJ012345")],
            ),
        ] {
            let mut found = Found::default();
            assert_eq!(found.clean_message(tool, rule, kind, message), cleaned);
            assert_eq!(found.iter().collect::<Vec<_>>(), learned, "{message}");
        }
    }

    #[test]
    fn snippets_teach_the_value_alone() {
        let mut found = Found::default();
        found.learn_snippet("api_key = \"abc-123-def\"\n");
        found.learn_snippet("token: qwertz-7890");
        found.learn_snippet("****************");
        let learned: Vec<_> = found.iter().collect();
        assert!(learned.contains(&"abc-123-def"), "{learned:?}");
        assert!(learned.contains(&"qwertz-7890"), "{learned:?}");
        assert!(!learned.iter().any(|text| text.contains("****")));
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let mut found = Found::default();
        found.learn("hunter2-not-real");
        assert_eq!(format!("{found:?}"), "Found(1)");
    }

    #[test]
    fn public_words_stay() {
        let mut found = Found::default();
        found.learn("password");
        found.learn("hunter2-not-real");
        let mut one = finding("B105", "a.py", None);
        one.message = "a password: hunter2-not-real".to_owned();
        let mut scans = [scan(vec![one])];
        scans[0].rules.insert(
            "B105".to_owned(),
            Rule {
                id: "B105".to_owned(),
                name: Some("hardcoded_password_string".to_owned()),
                ..Rule::default()
            },
        );
        found.clean(&mut scans, &mut []);
        assert_eq!(scans[0].findings[0].message, "a password: ***");
    }

    #[test]
    fn where_a_finder_masks_the_file_tells_the_secret() {
        for (line, shown, learned) in [
            ("pw: hunter2-x", "pw: *********", vec!["hunter2-x"]),
            (
                "USER a=secret1 b=secret2 x",
                "USER a=******* b=******* x",
                vec!["secret1", "secret2"],
            ),
            // Cut on both sides: inside a secret, and at its beginning.
            (
                "k='0123456789secret1', b='secret2-and-more' y",
                "*******', b='*******",
                vec![
                    "0123456789secret1",
                    "secret1",
                    "secret2",
                    "secret2-and-more",
                ],
            ),
            ("pass**word*", "***********", vec!["pass**word*"]),
            // It shows something else.
            ("the secret1", "other **", vec!["secret1", "the secret1"]),
            ("the secret1", "", vec!["secret1", "the secret1"]),
        ] {
            let mut found = Found::default();
            found.learn_masked(&[line.as_bytes()], shown);
            let found: Vec<&str> = found.iter().collect();
            let learned: Vec<&str> = learned
                .into_iter()
                .filter(|it| found.contains(it))
                .collect();
            assert_eq!(found, learned, "{line}");
        }
        let mut found = Found::default();
        found.learn_masked(&[b"line-one", b"caf\xe9-two"], "");
        assert_eq!(
            found.iter().collect::<Vec<_>>(),
            ["caf\u{fffd}-two", "line-one"]
        );
    }

    #[test]
    fn gaps_notes_and_logs_lose_secrets_and_tokens() {
        let token = concat!("ghp", "_0123456789abcdefghijABCDEFGHIJ012345");
        let mut found = Found::default();
        found.learn("Hunter2\"Not-Real");
        let mut scans = [scan(Vec::new())];
        scans[0].notes.push(format!("n {token}, hunter2\"not-real"));
        scans[0].state = State::Incomplete(vec![crate::security_scan::scan::Gap {
            kind: crate::security_scan::scan::GapKind::Unparsed,
            what: format!("w {token}"),
            next: None,
        }]);
        let log = format!(r#"err="x\n{token}" "HUNTER2\"NOT-REAL" kept"#);
        let mut logs = [("trivy".to_owned(), log)];
        found.clean(&mut scans, &mut logs);
        assert_eq!(scans[0].notes, ["n ***, ***"]);
        let State::Incomplete(gaps) = &scans[0].state else {
            panic!("complete")
        };
        assert_eq!(gaps[0].what, "w ***");
        assert_eq!(logs[0].1, r#"err="x\n***" "***" kept"#);
    }

    proptest! {
        #[test]
        fn no_secret_survives(
            secret in "[a-zA-Z0-9/+'\" =é]{6,40}",
            before in "\\PC{0,20}",
            after in "\\PC{0,20}",
        ) {
            let secret = secret.trim().to_owned();
            prop_assume!(secret.len() >= SHORTEST && !before.contains(&secret));
            let mut found = Found::default();
            found.learn_snippet(&secret);
            let mut one = finding("r", "a.py", None);
            one.message = format!("{before}{secret}{after}");
            one.flows.related_locations = vec![serde_json::json!({"message": {"text": &secret}})];
            let mut scans = [scan(vec![one])];
            scans[0].notes.push(format!("{secret}!"));
            found.clean(&mut scans, &mut []);
            let all = format!("{:?}{:?}", scans[0].findings, scans[0].notes);
            prop_assert!(!scans[0].findings[0].message.contains(&secret), "{all}");
            prop_assert!(!scans[0].notes[0].contains(&secret), "{all}");
            prop_assert_eq!(
                &scans[0].findings[0].flows.related_locations[0]["message"]["text"],
                MASK
            );
        }

        #[test]
        fn any_message_can_be_cleaned(message in "\\PC*", secret in any::<bool>()) {
            let kind = if secret { Kind::Secret } else { Kind::Code };
            Found::default().clean_message("bandit", "B106", kind, &message);
            Found::default().clean_message("x", "y", kind, &message);
        }
    }
}
