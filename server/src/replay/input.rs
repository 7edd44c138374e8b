//! A log as lines: plain or compressed, from a file or standard input, none longer than can be meant.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;

/// The longest line that is read. Servers cut heads at a few kilobytes; what is longer is no line of a log.
pub(crate) const LONGEST: usize = 65_536;

/// How much is read at once.
const BLOCK: usize = 256 * 1024;

/// What is compressed otherwise begins with these bytes, and is read by these programs.
const OTHERS: [(&[u8], &str); 3] =
    [(&[0x28, 0xb5, 0x2f, 0xfd], "zstd"), (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"), (b"BZh", "bzip2")];

/// The lines of one log.
pub(crate) struct Input {
    reader: BufReader<Box<dyn Read>>,
    line: Vec<u8>,
    /// The number of the last line that was read; the first is 1.
    pub(crate) number: u64,
}

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A line, without its end.
    Line(&'a [u8]),
    /// One that is longer than any that is meant, and how it begins.
    TooLong(&'a [u8]),
    /// There is no more.
    End,
}

impl Input {
    /// Opens a log; its bytes on the disk are counted as they are read.
    ///
    /// # Errors
    ///
    /// It cannot be opened or read.
    pub(crate) fn open(path: &Path, progress: &ProgressBar) -> io::Result<Self> {
        let raw: Box<dyn Read> = match path.as_os_str() == "-" {
            true => Box::new(progress.wrap_read(io::stdin())),
            false => Box::new(progress.wrap_read(File::open(path)?)),
        };
        let mut raw = BufReader::with_capacity(BLOCK, raw);
        let begin = raw.fill_buf()?;
        let is_compressed = begin.starts_with(&[0x1f, 0x8b]);
        if let Some((_, program)) = OTHERS.iter().find(|(magic, _)| begin.starts_with(magic)) {
            let advice = format!(
                "compressed by {program}, which is not read here; try: {program} -dc LOG | timebudget replay -"
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, advice));
        }
        Ok(Self::new(if is_compressed { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) }))
    }

    fn new(reader: Box<dyn Read>) -> Self {
        Self { reader: BufReader::with_capacity(BLOCK, reader), line: Vec::new(), number: 0 }
    }

    /// The next line.
    ///
    /// # Errors
    ///
    /// The log cannot be read on, or what is compressed is damaged.
    pub(crate) fn read(&mut self) -> io::Result<Found<'_>> {
        self.line.clear();
        let (mut is_cut, mut is_empty) = (false, true);
        loop {
            let block = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                block => block?,
            };
            if block.is_empty() {
                break;
            }
            is_empty = false;
            let end = memchr::memchr(b'\n', block);
            let part = &block[..end.unwrap_or(block.len())];
            let room = part.len().min(LONGEST - self.line.len());
            self.line.extend_from_slice(&part[..room]);
            is_cut |= room < part.len();
            let read = end.map_or(block.len(), |end| end + 1);
            self.reader.consume(read);
            if end.is_some() {
                break;
            }
        }
        if is_empty {
            return Ok(Found::End);
        }
        self.number += 1;
        let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
        Ok(if is_cut { Found::TooLong(line) } else { Found::Line(line) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines(bytes: impl Into<Vec<u8>>) -> Vec<(usize, bool)> {
        let mut input = Input::new(Box::new(io::Cursor::new(bytes.into())));
        let mut lines = Vec::new();
        loop {
            match input.read().unwrap() {
                Found::Line(line) => lines.push((line.len(), false)),
                Found::TooLong(line) => lines.push((line.len(), true)),
                Found::End => return lines,
            }
        }
    }

    #[test]
    fn a_last_line_without_an_end_is_a_line() {
        assert_eq!(lines("a\r\n\nbcd"), [(1, false), (0, false), (3, false)]);
        assert_eq!(lines(""), []);
    }

    #[test]
    fn a_line_of_megabytes_is_read_past_and_not_kept() {
        let mut bytes = vec![b'x'; 10_000_000];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(lines(bytes), [(LONGEST, true), (4, false)]);
        let mut exact = vec![b'x'; LONGEST];
        exact.push(b'\n');
        assert_eq!(lines(exact), [(LONGEST, false)]);
    }

    #[test]
    fn a_compressed_log_of_several_members_is_read_to_its_end() {
        let member = |text: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        let file = std::env::temp_dir().join(format!("replay-input-{}.gz", std::process::id()));
        std::fs::write(&file, [member(b"one\n"), member(b"three\n")].concat()).unwrap();
        let mut input = Input::open(&file, &ProgressBar::hidden()).unwrap();
        assert_eq!(input.read().unwrap(), Found::Line(b"one"));
        assert_eq!(input.read().unwrap(), Found::Line(b"three"));
        assert_eq!(input.read().unwrap(), Found::End);
        std::fs::remove_file(file).unwrap();
    }
}
