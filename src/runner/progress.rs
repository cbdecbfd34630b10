//! What is going on: a spinner at a terminal, lines in a log.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::console::Console;
use crate::text::visible;

/// One piece of work under way. Dropped without [`Progress::finish`], it vanishes from a terminal.
#[derive(Debug)]
pub struct Progress {
    console: Console,
    label: String,
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Progress {
    /// `label` is safe to print.
    pub(super) fn start(console: &Console, label: String) -> Self {
        let bar = console.bars().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {msg} ({elapsed})")
            {
                bar.set_style(style);
            }
            bar.set_prefix(label.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if bar.is_none() {
            console.log(&format!("{label} …"));
        }
        Self {
            console: console.clone(),
            label,
            bar,
            started: Instant::now(),
        }
    }

    /// Says how far it is.
    pub fn update(&self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(visible(&self.console.redact(message)).replace('\n', " "));
        } else {
            self.console.say(&format!("{}: {message}", self.label));
        }
    }

    /// Says how it ended and how long it took.
    pub fn finish(self, message: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.started.elapsed().as_secs_f64();
        self.console
            .say(&format!("{}: {message} ({seconds:.1} s)", self.label));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::console::{Format, Place, captured};

    #[test]
    fn a_log_gets_lines() {
        let desk = Place::Desk {
            terminal: false,
            colour: false,
        };
        let (console, _, err) = captured::console(desk, Format::Text);
        let progress = console.progress("Bandit");
        progress.update("3 of 9");
        progress.finish("done");
        let text = err.text();
        assert!(
            text.starts_with("Bandit …\nBandit: 3 of 9\nBandit: done (0."),
            "{text}"
        );
    }
}
