//! Columns for findings that come with lines alone, or with columns counted in bytes.
//!
//! GitHub wants all four numbers of a region, and SARIF counts columns in UTF-16 code units.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::runner::folder::Folder;
use crate::runner::path::RelativePath;
use crate::security_scan::finding::{Finding, Region};

/// Larger files keep whole-line regions.
const LARGEST: u64 = 32 * 1024 * 1024;

/// The end of a line whose length is not known yet; [`place`] replaces it.
pub(super) const LINE_END: u32 = 0;

/// Gives every region its columns. Regions come in with columns counted in bytes from 1, and
/// [`LINE_END`] for "to the end of the line". A line that the file does not have is no line.
pub(super) fn place(workspace: &Path, findings: &mut [Finding]) {
    let Ok(folder) = Folder::root(workspace) else {
        return;
    };
    let mut files: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        if finding.location.region.is_some() {
            files
                .entry(finding.location.path.clone())
                .or_default()
                .push(index);
        }
    }
    for (path, indices) in files {
        let text = read(&folder, &path);
        let lines: Option<Vec<&[u8]>> = text
            .as_deref()
            .map(|text| text.split(|b| *b == b'\n').collect());
        for index in indices {
            let location = &mut findings[index].location;
            location.region = location.region.and_then(|region| match &lines {
                Some(lines) => columns(region, lines),
                None => Some(whole(region)),
            });
        }
    }
}

/// The bytes of a plain file of the tree, if it is not too large.
pub(super) fn read(folder: &Folder, path: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = folder.open_file(&RelativePath::parse(path).ok()?).ok()??;
    if file.metadata().ok()?.len() > LARGEST {
        return None;
    }
    file.by_ref().take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn columns(region: Region, lines: &[&[u8]]) -> Option<Region> {
    let line = |number: u32| {
        lines
            .get(usize::try_from(number).ok()?.checked_sub(1)?)
            .copied()
    };
    let start = line(region.start_line)?;
    let last = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let end_line = region.end_line.clamp(region.start_line, last);
    let end = line(end_line)?;
    let start_column = utf16(start, region.start_column);
    let end_column = if region.end_column == LINE_END || end_line != region.end_line {
        utf16(end, u32::MAX)
    } else {
        utf16(end, region.end_column)
    };
    let empty = end_line == region.start_line && end_column <= start_column;
    Some(Region {
        start_line: region.start_line,
        start_column: if empty { 1 } else { start_column },
        end_line,
        // An empty line has one column, its end.
        end_column: if empty {
            utf16(end, u32::MAX).max(2)
        } else {
            end_column
        },
    })
}

/// A column counted in bytes from 1, counted in UTF-16 code units from 1; at most the line's end.
fn utf16(line: &[u8], column: u32) -> u32 {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let bytes = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let before = String::from_utf8_lossy(&line[..bytes.min(line.len())]);
    u32::try_from(before.encode_utf16().count()).unwrap_or(u32::MAX - 1) + 1
}

/// Where the file can't be read: columns as given, never empty.
fn whole(region: Region) -> Region {
    let start_column = region.start_column.max(1);
    Region {
        start_line: region.start_line,
        start_column,
        end_line: region.end_line.max(region.start_line),
        end_column: region.end_column.max(start_column + 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn region(numbers: [u32; 4]) -> Region {
        let [start_line, start_column, end_line, end_column] = numbers;
        Region {
            start_line,
            start_column,
            end_line,
            end_column,
        }
    }

    #[test]
    fn columns_are_utf16_and_never_empty() {
        let text = "abc\r\n\u{e9}\u{1f600} = f(x)\n\nlast".as_bytes();
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        for (given, expected) in [
            ([1, 1, 1, LINE_END], Some([1, 1, 1, 4])),
            ([1, 2, 1, 3], Some([1, 2, 1, 3])),
            // The call starts after 2 + 4 + 3 bytes, 1 + 2 + 3 code units.
            ([2, 10, 2, 14], Some([2, 7, 2, 11])),
            ([1, 1, 2, LINE_END], Some([1, 1, 2, 11])),
            ([3, 1, 3, LINE_END], Some([3, 1, 3, 2])),
            ([4, 1, 9, 3], Some([4, 1, 4, 5])),
            ([4, 3, 4, 3], Some([4, 1, 4, 5])),
            ([4, 90, 4, 99], Some([4, 1, 4, 5])),
            ([5, 1, 5, LINE_END], None),
            ([0, 1, 0, LINE_END], None),
        ] {
            assert_eq!(
                columns(region(given), &lines),
                expected.map(region),
                "{given:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_region_lies_in_its_lines_and_is_never_empty(
            text in "([a\n\r😀é]|\\PC){0,40}",
            numbers in proptest::array::uniform4(prop_oneof![0_u32..12, any::<u32>()]),
        ) {
            let lines: Vec<&[u8]> = text.as_bytes().split(|byte| *byte == b'\n').collect();
            let there = (1..=lines.len()).contains(&(numbers[0] as usize));
            let found = columns(region(numbers), &lines);
            prop_assert_eq!(found.is_some(), there);
            if let Some(found) = found {
                let units = |line: u32| {
                    let line = lines[line as usize - 1];
                    utf16(line, u32::MAX)
                };
                prop_assert_eq!(found.start_line, numbers[0]);
                prop_assert!((1..=units(found.start_line)).contains(&found.start_column));
                prop_assert!((found.end_line, found.end_column) > (found.start_line, found.start_column));
                prop_assert!(found.end_column <= units(found.end_line).max(2));
            }
        }

        #[test]
        fn without_the_file_a_region_is_not_empty_either(numbers in proptest::array::uniform4(0_u32..1000)) {
            let found = whole(region(numbers));
            prop_assert!((found.end_line, found.end_column) > (found.start_line, found.start_column));
        }
    }
}
