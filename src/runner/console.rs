//! The one value that prints.
//!
//! In the runner it writes workflow commands and log lines to standard output. At a desk it writes
//! text and progress for people to standard error, and the result alone to standard output.
//! Whatever it prints is redacted first and cannot act on terminal or runner.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::annotations::{Annotation, Budget, Level};
use super::commands::{command, data, inert};
use super::progress::Progress;
use super::secrets::Secrets;
use super::style::{Paint, Tone};
use crate::outcome::{Failure, Result};
use crate::text::visible;

/// Where we run, and what standard error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Under the Actions runner; `debug` is `RUNNER_DEBUG=1`.
    Runner { debug: bool },
    /// Anywhere else. A spinner only on a terminal; colour only there, and not under `NO_COLOR`.
    Desk { terminal: bool, colour: bool },
}

/// What the result on standard output is at a desk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document and nothing else.
    Json,
}

/// Prints. Cheap to clone; clones share, and may be used from any thread.
#[derive(Clone)]
pub struct Console(Arc<Inner>);

struct Inner {
    place: Place,
    format: Format,
    secrets: Secrets,
    streams: Mutex<Streams>,
    budget: Mutex<Budget>,
    bars: MultiProgress,
}

struct Streams {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    /// Whether it was said that standard output takes nothing more.
    told: bool,
}

impl Console {
    /// A console on the two streams.
    pub fn new(
        place: Place,
        format: Format,
        out: impl Write + Send + 'static,
        err: impl Write + Send + 'static,
    ) -> Self {
        let target = match place {
            Place::Desk { terminal: true, .. } => ProgressDrawTarget::stderr(),
            _ => ProgressDrawTarget::hidden(),
        };
        Self(Arc::new(Inner {
            place,
            format,
            secrets: Secrets::default(),
            streams: Mutex::new(Streams {
                out: Box::new(out),
                err: Box::new(err),
                told: false,
            }),
            budget: Mutex::new(Budget::default()),
            bars: MultiProgress::with_draw_target(target),
        }))
    }

    #[must_use]
    pub fn in_runner(&self) -> bool {
        matches!(self.0.place, Place::Runner { .. })
    }

    #[must_use]
    pub fn format(&self) -> Format {
        self.0.format
    }

    /// Keeps a secret out of everything printed from now on, and has the runner mask it in the
    /// whole job's log, part by part ([`Secrets::register`]).
    pub fn mask(&self, secret: &SecretString) {
        let new = self.0.secrets.register(secret.expose_secret());
        if self.in_runner() && !new.is_empty() {
            let lines: Vec<_> = new
                .iter()
                .map(|part| command("add-mask", &[], part))
                .collect();
            // As it is: a redacted mask would mask nothing.
            self.write_out(&(lines.join("\n") + "\n"));
        }
    }

    /// The text without any known secret: for whatever is kept or sent elsewhere.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.0.secrets.redact(text).into_owned()
    }

    /// One or more lines for whoever reads along. Foreign text in it does no harm.
    pub fn say(&self, text: &str) {
        self.log(&self.safe(text));
    }

    /// Lines that only matter when something is being looked into: `RUNNER_DEBUG=1`.
    pub fn debug(&self, text: &str) {
        if self.0.place == (Place::Runner { debug: true }) {
            self.log(&command("debug", &[], &visible(&self.redact(text))));
        }
    }

    /// What another program printed, under a heading that folds away in the runner. No command in
    /// it is obeyed. Printed at one stroke: blocks of scanners side by side don't mix.
    pub fn foreign(&self, title: &str, text: &str) {
        let (title, text) = (self.safe(title), visible(&self.redact(text)));
        if !self.in_runner() {
            let text = text.trim_end().replace('\n', "\n  ");
            return self.log(&format!("{}\n  {text}", self.paint(Tone::Strong, &title)));
        }
        // Drawn after the text was written, so nothing in it can hold the token.
        let token = Uuid::new_v4();
        self.log(&format!(
            "::group::{}\n::stop-commands::{token}\n{}\n::{token}::\n::endgroup::",
            data(&title),
            text.trim_end(),
        ));
    }

    /// Lines under a heading that folds away in the runner.
    pub fn group(&self, title: &str, text: &str) {
        let (title, text) = (self.safe(title), self.safe(text));
        if self.in_runner() {
            self.log(&format!("::group::{}\n{text}\n::endgroup::", data(&title)));
        } else {
            self.log(&format!("{}\n{text}", self.paint(Tone::Strong, &title)));
        }
    }

    /// One annotation; a plain log line once the step has used up its ten of the level.
    pub fn annotate(&self, annotation: Annotation) {
        let left = self.budget().take(annotation.level);
        self.print_annotations(vec![annotation], left);
    }

    /// Many annotations, worst first within each level. Those beyond the runner's limit are
    /// counted in the last one. At a desk all are printed.
    pub fn annotate_all(&self, annotations: Vec<Annotation>) {
        let chosen = if self.in_runner() {
            self.budget().choose(&annotations)
        } else {
            annotations
        };
        self.print_annotations(chosen, true);
    }

    /// A failure: an error annotation in the runner, text on standard error at a desk.
    pub fn failure(&self, failure: &Failure) {
        self.annotate(Annotation::new(
            Level::Error,
            failure.headline(),
            failure.message(),
        ));
    }

    /// Shows that something is going on, until the value is dropped or finished.
    #[must_use]
    pub fn progress(&self, label: &str) -> Progress {
        Progress::start(self, self.safe(label))
    }

    /// The result, on standard output: text or JSON as asked. In the runner the text goes to the
    /// log.
    ///
    /// # Errors
    /// Error: standard output cannot be written to. A reader of text who has seen enough (`| head`) is
    /// no error; half a JSON document is.
    pub fn result(&self, text: &str, json: impl FnOnce() -> serde_json::Value) -> Result<()> {
        let whole = if self.in_runner() {
            self.safe(text)
        } else if self.0.format == Format::Json {
            // Redacted leaf by leaf, so that it stays JSON.
            format!("{:#}", self.redact_json(json()))
        } else {
            visible(&self.redact(text))
        };
        let whole = whole.trim_end().to_owned() + "\n";
        let enough = self.in_runner() || self.0.format == Format::Text;
        let write = |streams: &mut Streams| {
            streams.out.write_all(whole.as_bytes())?;
            streams.out.flush()
        };
        match self.0.bars.suspend(|| write(&mut self.streams())) {
            Err(error) if !(enough && error.kind() == io::ErrorKind::BrokenPipe) => {
                Err(Failure::error(
                    "Result not printed",
                    format!("Standard output could not be written to: {error}."),
                )
                .because("The disk is full, or the program that reads it has ended.")
                .next("Give it another place to go, and run again."))
            }
            _ => Ok(()),
        }
    }

    fn redact_json(&self, json: serde_json::Value) -> serde_json::Value {
        use serde_json::Value;
        match json {
            Value::String(text) => Value::String(self.redact(&text)),
            Value::Array(items) => items
                .into_iter()
                .map(|item| self.redact_json(item))
                .collect(),
            Value::Object(map) => map
                .into_iter()
                .map(|(key, value)| (self.redact(&key), self.redact_json(value)))
                .collect(),
            other => other,
        }
    }

    fn print_annotations(&self, annotations: Vec<Annotation>, as_commands: bool) {
        let lines: Vec<_> = annotations
            .into_iter()
            .map(|mut one| {
                one.title = self.redact(&one.title);
                one.message = self.redact(&one.message);
                if self.in_runner() && as_commands {
                    one.command()
                } else {
                    self.as_text(&one)
                }
            })
            .collect();
        if !lines.is_empty() {
            self.log(&lines.join("\n"));
        }
    }

    /// An annotation for people: `error: title (file:line)` and the message below.
    fn as_text(&self, one: &Annotation) -> String {
        let tone = match one.level {
            Level::Error => Tone::Bad,
            Level::Warning => Tone::Doubtful,
            Level::Notice => Tone::Strong,
        };
        let place = one.place.as_ref().map_or(String::new(), |place| {
            let line = place.line.map_or(String::new(), |line| format!(":{line}"));
            format!(" ({}{line})", self.safe(&place.file))
        });
        format!(
            "{}: {}{place}\n  {}",
            self.paint(tone, one.level.name()),
            self.safe(&one.title),
            self.safe(&one.message).replace('\n', "\n  ")
        )
    }

    /// Redacted, and inert wherever it is printed.
    fn safe(&self, text: &str) -> String {
        let text = self.redact(text);
        if self.in_runner() {
            inert(&text)
        } else {
            visible(&text)
        }
    }

    fn paint(&self, tone: Tone, text: &str) -> String {
        let colour = matches!(self.0.place, Place::Desk { colour: true, .. });
        Paint(colour).paint(tone, text)
    }

    /// Prints lines as they are to the log: standard output in the runner, else standard error.
    pub(super) fn log(&self, text: &str) {
        let lines = format!("{text}\n");
        if self.in_runner() {
            return self.write_out(&lines);
        }
        self.0.bars.suspend(|| {
            // A reader that went away changes no verdict.
            let _ = self.streams().err.write_all(lines.as_bytes());
        });
    }

    fn write_out(&self, lines: &str) {
        let streams = &mut *self.streams();
        let written = streams.out.write_all(lines.as_bytes());
        // A reader that went away changes no verdict; that something is missing is to be seen somewhere.
        if let Err(error) = written.and_then(|()| streams.out.flush())
            && error.kind() != io::ErrorKind::BrokenPipe
            && !std::mem::replace(&mut streams.told, true)
        {
            let _ = writeln!(
                streams.err,
                "Standard output could not be written to: {error}. Lines of this log, masks and \
                 annotations are missing."
            );
        }
    }

    pub(super) fn bars(&self) -> Option<&MultiProgress> {
        matches!(self.0.place, Place::Desk { terminal: true, .. }).then_some(&self.0.bars)
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0
            .streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.0.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("place", &self.0.place)
            .field("format", &self.0.format)
            .finish_non_exhaustive()
    }
}

/// A console whose output a test can read.
#[cfg(test)]
pub(crate) mod captured {
    use super::{Arc, Console, Format, Mutex, Place, Write, io};

    /// What was written so far.
    #[derive(Clone, Default)]
    pub(crate) struct Stream(Arc<Mutex<Vec<u8>>>);

    impl Stream {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Stream {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A console with its standard output and standard error.
    pub(crate) fn console(place: Place, format: Format) -> (Console, Stream, Stream) {
        let (out, err) = (Stream::default(), Stream::default());
        let console = Console::new(place, format, out.clone(), err.clone());
        (console, out, err)
    }
}

#[cfg(test)]
mod tests {
    use super::captured::console;
    use super::*;

    const RUNNER: Place = Place::Runner { debug: false };
    const DESK: Place = Place::Desk {
        terminal: false,
        colour: false,
    };

    #[test]
    fn a_log_that_cannot_be_written_is_told_once() {
        for (kind, told) in [
            (io::ErrorKind::StorageFull, 1),
            (io::ErrorKind::BrokenPipe, 0),
        ] {
            struct Full(io::ErrorKind);
            impl Write for Full {
                fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                    Err(self.0.into())
                }
                fn flush(&mut self) -> io::Result<()> {
                    Ok(())
                }
            }
            let err = super::captured::Stream::default();
            let console = Console::new(RUNNER, Format::Text, Full(kind), err.clone());
            console.mask(&"first-secret".into());
            console.say("one");
            console.say("two");
            assert_eq!(err.text().lines().count(), told, "{}", err.text());
        }
    }

    #[test]
    fn the_runner_gets_masks_before_all_else_and_nothing_leaks_after() {
        let (console, out, err) = console(RUNNER, Format::Text);
        console.mask(&"first\nsecond".into());
        console.mask(&"abc".into()); // Too short: secrets.rs says why.
        console.say("my first is here");
        console.annotate(Annotation::new(Level::Error, "second", "first"));
        console.foreign("first", "second");
        assert_eq!(err.text(), "");
        let text = out.text();
        let (masks, rest) = text.split_at(text.find("my ").unwrap());
        assert_eq!(
            masks,
            "::add-mask::first\n::add-mask::first%0Asecond\n::add-mask::second\n"
        );
        assert!(
            !rest.contains("first") && !rest.contains("second"),
            "{rest}"
        );
    }

    #[test]
    fn foreign_output_stops_commands_by_a_token_that_is_drawn() {
        let (console, out, _) = console(RUNNER, Format::Text);
        console.foreign("Trivy\n::error::x", "::add-mask::a\n##[error]b\n");
        let text = out.text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "::group::Trivy%0A: :error::x");
        let token = lines[1].strip_prefix("::stop-commands::").unwrap();
        assert!(Uuid::parse_str(token).is_ok());
        assert_eq!(lines[2..4], ["::add-mask::a", "##[error]b"]);
        assert_eq!(lines[4], format!("::{token}::"));
        assert_eq!(lines[5..], ["::endgroup::"]);
    }

    #[test]
    fn a_desk_gets_no_commands() {
        let (console, out, err) = console(DESK, Format::Text);
        console.mask(&"hunter2".into());
        console.say("::error::hunter2");
        console.debug("never");
        console.group("Title", "line");
        console.foreign("Log", "one\n\u{1b}[2Jtwo\n");
        console.failure(&Failure::error("No Trivy", "trivy is not on PATH.").next("Install it."));
        assert_eq!(out.text(), "");
        insta::assert_snapshot!(err.text(), @r"
        ::error::***
        Title
        line
        Log
          one
          \u{1b}[2Jtwo
        error: No Trivy
          Trivy is not on PATH.
          Next: Install it.
        ");
    }

    #[test]
    fn debug_is_for_those_who_ask() {
        let (quiet, nothing, _) = console(RUNNER, Format::Text);
        quiet.debug("x");
        assert_eq!(nothing.text(), "");
        let (console, out, _) = console(Place::Runner { debug: true }, Format::Text);
        console.debug("x\ny");
        assert_eq!(out.text(), "::debug::x%0Ay\n");
    }

    #[test]
    fn the_eleventh_annotation_is_a_log_line() {
        let (console, out, _) = console(RUNNER, Format::Text);
        for index in 0..11 {
            console.annotate(Annotation::new(Level::Notice, format!("{index}"), "::m"));
        }
        let text = out.text();
        assert_eq!(text.matches("::notice ").count(), 10);
        assert!(text.ends_with("notice: 10\n  : :m\n"), "{text}");
    }

    #[test]
    fn the_result_is_text_or_json() {
        let json = serde_json::json!({"result": "passed", "token": "hunter2"});
        for (format, expected) in [
            (Format::Text, "Passed\n".to_owned()),
            (
                Format::Json,
                "{\n  \"result\": \"passed\",\n  \"token\": \"***\"\n}\n".to_owned(),
            ),
        ] {
            let (console, out, err) = console(DESK, format);
            console.mask(&"hunter2".into());
            console.result("Passed\n", || json.clone()).unwrap();
            assert_eq!((out.text(), err.text()), (expected, String::new()));
        }
    }

    #[test]
    fn a_reader_of_text_may_leave_early() {
        struct Broken(io::ErrorKind);
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let result = |format, kind| {
            Console::new(DESK, format, Broken(kind), io::sink())
                .result("x", || serde_json::Value::Null)
        };
        assert!(result(Format::Text, io::ErrorKind::BrokenPipe).is_ok());
        assert!(result(Format::Json, io::ErrorKind::BrokenPipe).is_err());
        assert!(result(Format::Text, io::ErrorKind::StorageFull).is_err());
    }
}
