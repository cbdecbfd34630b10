//! Annotations within the runner's limits.
//!
//! Source: `ExecutionContext.cs` of <https://github.com/actions/runner>: ten of each level a step
//! (`_maxCountPerIssueType`), messages cut at 4,096 UTF-16 units (`_maxIssueMessageLength`).

use super::commands::command;
use crate::text::{cut, cut_utf16, visible};

/// How many annotations of one level the runner keeps for each step.
pub const PER_LEVEL: usize = 10;
/// Where the runner cuts a message, in UTF-16 units.
pub const MESSAGE: usize = 4096;
/// The longest title that the checks API takes, in characters.
pub const TITLE: usize = 255;

/// An annotation's level, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Notice];

    /// The command's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// One annotation. All text may be foreign: it is escaped when written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    pub level: Level,
    pub title: String,
    /// May have several lines.
    pub message: String,
    pub place: Option<Place>,
}

/// Where an annotation belongs: a path relative to the repository, lines and columns from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: Option<u32>,
    pub end_line: Option<u32>,
    pub column: Option<u32>,
    pub end_column: Option<u32>,
}

impl Annotation {
    /// An annotation without a place.
    pub fn new(level: Level, title: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            level,
            title: title.into(),
            message: message.into(),
            place: None,
        }
    }

    /// Puts it at a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The workflow command.
    pub(crate) fn command(&self) -> String {
        let mut properties = Vec::new();
        if let Some(place) = &self.place {
            // The runner drops columns of a range over several lines, and says so each time.
            let one_line = place.end_line.is_none_or(|end| Some(end) == place.line);
            let columns = |column: Option<u32>| column.filter(|_| one_line && place.line.is_some());
            properties.push(("file", visible(&place.file)));
            let numbers = [
                ("line", place.line),
                ("endLine", place.end_line.filter(|_| place.line.is_some())),
                ("col", columns(place.column)),
                ("endColumn", columns(place.end_column)),
            ];
            properties.extend(
                numbers
                    .into_iter()
                    .filter_map(|(name, number)| Some((name, number?.to_string()))),
            );
        }
        properties.push(("title", cut(&visible(&self.title), TITLE)));
        let message = cut_utf16(&visible(&self.message), MESSAGE);
        command(self.level.name(), &properties, &message)
    }
}

/// How many annotations of each level were used in this step.
#[derive(Debug, Default)]
pub(crate) struct Budget([usize; 3]);

impl Budget {
    /// Takes one of a level; false when none is left.
    pub(crate) fn take(&mut self, level: Level) -> bool {
        let used = &mut self.0[level as usize];
        let left = *used < PER_LEVEL;
        *used += usize::from(left);
        left
    }

    /// Which of a list (worst first) can be shown, by level. When not all can, the last place says
    /// how many more there are. One error is kept back for the step's own verdict.
    pub(crate) fn choose(&mut self, list: &[Annotation]) -> Vec<Annotation> {
        let mut chosen = Vec::new();
        for level in Level::ALL {
            let mut of_level: Vec<_> = list.iter().filter(|one| one.level == level).collect();
            let kept_back = usize::from(level == Level::Error);
            let left = (PER_LEVEL - self.0[level as usize]).saturating_sub(kept_back);
            let more = of_level.len().saturating_sub(left);
            if more > 0 {
                of_level.truncate(left.saturating_sub(1));
            }
            let shown = of_level.len();
            chosen.extend(of_level.into_iter().cloned());
            self.0[level as usize] += shown;
            if more > 0 && left > 0 {
                self.0[level as usize] += 1;
                let message = format!(
                    "{} more in the summary: the runner keeps {PER_LEVEL} annotations of a level.",
                    more + 1
                );
                chosen.push(Annotation::new(level, "More in the summary", message));
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::commands::parse;
    use super::*;

    fn list(level: Level, count: usize) -> Vec<Annotation> {
        (0..count)
            .map(|index| Annotation::new(level, format!("{index}"), "m"))
            .collect()
    }

    fn titles(list: &[Annotation]) -> Vec<&str> {
        list.iter().map(|one| one.title.as_str()).collect()
    }

    #[test]
    fn places_are_written_as_the_runner_reads_them() {
        let at = |place| Annotation::new(Level::Warning, "A, b", "100 %\n::x").at(place);
        let place = |line, end_line, column, end_column| Place {
            file: "a:b,c.py".into(),
            line,
            end_line,
            column,
            end_column,
        };
        let table = [
            (
                place(Some(1), Some(1), Some(2), Some(5)),
                ",line=1,endLine=1,col=2,endColumn=5",
            ),
            (
                place(Some(1), Some(3), Some(2), Some(5)),
                ",line=1,endLine=3",
            ),
            (place(Some(1), None, Some(2), None), ",line=1,col=2"),
            (place(None, Some(1), Some(2), None), ""),
        ];
        for (place, expected) in table {
            assert_eq!(
                at(place).command(),
                format!("::warning file=a%3Ab%2Cc.py{expected},title=A%2C b::100 %25%0A::x")
            );
        }
    }

    #[test]
    fn one_error_is_kept_for_the_verdict() {
        let mut budget = Budget::default();
        assert_eq!(budget.choose(&list(Level::Error, 9)).len(), 9);
        assert!(budget.take(Level::Error));
        assert!(!budget.take(Level::Error));
        assert_eq!(budget.choose(&list(Level::Error, 2)), []);
    }

    #[test]
    fn the_last_place_tells_of_the_rest() {
        let mut budget = Budget::default();
        let chosen = budget.choose(&list(Level::Warning, 30));
        assert_eq!(chosen.len(), 10);
        assert_eq!(
            titles(&chosen[..9]),
            ["0", "1", "2", "3", "4", "5", "6", "7", "8"]
        );
        assert!(chosen[9].message.starts_with("21 more in the summary"));
        assert_eq!(Budget::default().choose(&list(Level::Notice, 10)).len(), 10);
    }

    #[test]
    fn levels_come_worst_first() {
        let mixed = [list(Level::Notice, 1), list(Level::Error, 1)].concat();
        let levels: Vec<_> = Budget::default()
            .choose(&mixed)
            .into_iter()
            .map(|one| one.level)
            .collect();
        assert_eq!(levels, [Level::Error, Level::Notice]);
    }

    proptest! {
        #[test]
        fn a_message_stays_within_the_limit(text in "([a\n%]{0,5000}|\\PC{0,5000})") {
            let line = Annotation::new(Level::Error, "t", text).command();
            prop_assert!(parse(&line).unwrap().2.encode_utf16().count() <= MESSAGE);
        }
    }
}
