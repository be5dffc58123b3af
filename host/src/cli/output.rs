//! Printing: tables for people, JSON and YAML for programs. What comes from elsewhere cannot steer a terminal.

use std::io::Write;

use clap::ValueEnum;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::failure::Failure;

/// How answers are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// As the API answers
    Json,
    /// The same in YAML
    Yaml,
}

/// Where a command prints.
pub struct Output<'a> {
    /// What was asked for.
    pub out: &'a mut dyn Write,
    /// What there is to say besides.
    pub err: &'a mut dyn Write,
    /// Whether `out` is a terminal.
    pub terminal: bool,
}

impl Output<'_> {
    /// Prints an answer: as `table` says, or whole.
    pub(super) fn answer<T: Serialize>(
        &mut self,
        format: Format,
        answer: &T,
        table: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        let text = match format {
            Format::Table => table(answer),
            Format::Json => {
                serde_json::to_string_pretty(answer).map_err(|e| Failure::plain(e.to_string()))?
            }
            Format::Yaml => serde_saphyr::to_string(answer).map_err(|e| Failure::plain(e.to_string()))?,
        };
        writeln!(self.out, "{}", text.trim_end())?;
        Ok(self.out.flush()?)
    }

    /// Prints a line for people; programs have the exit code.
    pub(super) fn say(&mut self, format: Format, text: &str) -> Result<(), Failure> {
        if format == Format::Table {
            writeln!(self.out, "{text}")?;
        }
        Ok(())
    }

    /// Says something besides.
    pub(super) fn note(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.err, "{text}")?)
    }
}

/// Text with everything escaped that a terminal would act on; line breaks and tabs stay.
pub(super) fn printable(text: &str) -> String {
    let one = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    text.chars().map(one).collect()
}

/// Rows in columns. A heading that begins with `>` is over a column of numbers, to the right.
pub(super) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let right = headings.map(|h| h.starts_with('>'));
    let mut lines = vec![headings.map(|h| h.trim_start_matches('>').to_owned())];
    lines.extend(rows.into_iter().map(|row| row.map(|cell| printable(&cell).replace(['\n', '\t'], " "))));
    let mut widths = [0; N];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in &lines {
        let cells = line.iter().enumerate().map(|(i, cell)| {
            let space = " ".repeat(widths[i] - cell.chars().count());
            if right[i] { space + cell } else { cell.clone() + &space }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Names and values below each other; empty values are left out.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines = facts.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| {
        let value = printable(value).trim_end().replace('\n', &format!("\n{}", " ".repeat(width + 2)));
        format!("{name}{}  {value}\n", " ".repeat(width - name.chars().count()))
    });
    lines.collect()
}

/// A size with one digit after the point.
pub(super) fn size(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, scale)| bytes >= *scale) {
        Some((unit, scale)) => format!("{:.1} {unit}", bytes as f64 / *scale as f64),
        None => format!("{bytes} B"),
    }
}

/// A time of day in UTC, to the second.
pub(super) fn time(ms: u64) -> String {
    let timestamp = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    timestamp
        .map_or_else(String::new, |t| t.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

/// The first digits of a digest.
pub(super) fn short(digest: &str) -> String {
    digest.chars().take(19).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_align_and_cannot_steer_the_terminal() {
        let rows = [
            ["fraud".into(), "10".into(), "\u{1b}[2Jhidden\nline".into()],
            ["a".into(), "1000".into(), String::new()],
        ];
        insta::assert_snapshot!(table(["NAME", ">ROWS", "REASON"], rows), @r"
        NAME   ROWS  REASON
        fraud    10  \u{1b}[2Jhidden line
        a      1000
        ");
        insta::assert_snapshot!(facts(&[("name", "fraud".into()), ("reason", "two\nlines".into()), ("no", String::new())]), @r"
        name    fraud
        reason  two
                lines
        ");
    }

    #[test]
    fn figures_read_well() {
        assert_eq!([size(12), size(2048), size(64 << 20)], ["12 B", "2.0 KiB", "64.0 MiB"]);
        assert_eq!(time(1_700_000_000_123), "2023-11-14 22:13:20Z");
    }
}
