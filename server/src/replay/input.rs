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

/// What Windows begins files of 16 bits a letter with.
const UTF_16: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];

/// What it begins files in UTF-8 with.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of one log.
pub(crate) struct Input {
    reader: BufReader<Box<dyn Read>>,
    is_compressed: bool,
    /// Why the log has ended before its end, if it has: what is compressed is damaged.
    pub(crate) damage: Option<String>,
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
        if UTF_16.iter().any(|mark| begin.starts_with(mark)) {
            let advice =
                "is UTF-16, which is not read here; try: iconv -f UTF-16 -t UTF-8 LOG | timebudget replay -";
            return Err(io::Error::new(io::ErrorKind::Unsupported, advice));
        }
        let reader: Box<dyn Read> =
            if is_compressed { Box::new(MultiGzDecoder::new(raw)) } else { Box::new(raw) };
        Ok(Self::new(reader, is_compressed))
    }

    fn new(reader: Box<dyn Read>, is_compressed: bool) -> Self {
        let reader = BufReader::with_capacity(BLOCK, reader);
        Self { reader, is_compressed, damage: None, line: Vec::new(), number: 0 }
    }

    /// The next line.
    ///
    /// # Errors
    ///
    /// The log cannot be read on. Where what is compressed is damaged it ends instead, for what came before has been read.
    pub(crate) fn read(&mut self) -> io::Result<Found<'_>> {
        self.line.clear();
        let (mut is_cut, mut is_empty) = (false, true);
        loop {
            let block = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if self.is_compressed && is_damage(&error) => {
                    self.damage = Some(error.to_string());
                    break;
                }
                block => block?,
            };
            if block.is_empty() {
                break;
            }
            is_empty = false;
            let end = memchr::memchr(b'\n', block);
            let mut part = &block[..end.unwrap_or(block.len())];
            if self.line.is_empty() {
                part = without_filling(part);
            }
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
        // Also amid a log, where files were joined.
        let line = line.strip_prefix(MARK).unwrap_or(line);
        Ok(if is_cut { Found::TooLong(line) } else { Found::Line(line) })
    }
}

/// A line without the zeros before it: where a log is cut while its server writes on, the file system fills the gap with them.
fn without_filling(part: &[u8]) -> &[u8] {
    &part[part.iter().position(|byte| *byte != 0).unwrap_or(part.len())..]
}

/// Whether what is compressed ends too soon, or goes on with something else.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | InvalidInput | InvalidData)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines(bytes: impl Into<Vec<u8>>) -> Vec<(usize, bool)> {
        let mut input = Input::new(Box::new(io::Cursor::new(bytes.into())), false);
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
    fn what_windows_and_file_systems_put_before_lines_is_no_part_of_them() {
        let mut bytes = b"\xef\xbb\xbfone\r\n".to_vec();
        bytes.extend(vec![0; 3 * BLOCK]);
        bytes.extend(b"three\n\xef\xbb\xbffour\n\0\0\0");
        assert_eq!(lines(bytes), [(3, false), (5, false), (4, false), (0, false)]);
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
