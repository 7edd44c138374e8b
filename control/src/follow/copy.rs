//! The last good copy: what was decided, in a file, for a node that starts without its database.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::db::News;
use crate::follow::Place;
use crate::thing::{Decided, Kind, Thing, hex};

/// What a copy holds: one line of this as JSON, and one with its digest.
#[derive(Serialize, Deserialize)]
struct Text {
    format: String,
    database: String,
    revision: u64,
    history: String,
    /// The last row of the audit that was seen; copies of older versions do not tell.
    #[serde(default)]
    audited: u64,
    #[serde(default)]
    digest: String,
    things: Vec<Copied>,
}

#[derive(Serialize, Deserialize)]
struct Copied {
    kind: String,
    name: String,
    revision: u64,
    body: Box<RawValue>,
}

const FORMAT: &str = "timebudget control, copy 1";

/// A copy that was read.
#[derive(Debug)]
pub(crate) struct Copy {
    pub(crate) news: News,
    pub(crate) revision: u64,
    pub(crate) place: Place,
}

/// The file in which a node keeps its last good copy.
///
/// To write is to have it alone, so no two do at once; and what is older than what it holds is never written. So it does not
/// matter which of two who bring it forward comes first, nor when they have seen what they bring.
#[derive(Debug)]
pub(crate) struct CopyFile {
    file: PathBuf,
    /// The revision that this process has written, and the last row of the audit that was seen then. Both only rise.
    held: Option<(u64, u64)>,
    /// Whether it could not be written the last time.
    is_refused: bool,
}

impl CopyFile {
    /// A file of which nothing is known yet.
    pub(crate) const fn new(file: PathBuf) -> Self {
        Self { file, held: None, is_refused: false }
    }

    /// What it holds; `None` if there is no file, or it cannot be used, which is told.
    pub(crate) fn read(&self) -> Option<Copy> {
        match read(&self.file) {
            Ok(copy) => copy,
            Err(fault) => {
                log::error!("control: the last good copy, {self}, cannot be used: {fault}");
                None
            }
        }
    }

    /// Writes what was decided, unless that, or something newer, was written before.
    ///
    /// What cannot be written is told once, and tried again when this is called the next time.
    pub(crate) fn keep(&mut self, decided: &Decided, place: &Place) {
        let at = (decided.revision(), place.audited);
        if self.held.is_some_and(|held| held >= at) {
            return;
        }
        match write(&self.file, &text(decided, place)) {
            Ok(()) => (self.held, self.is_refused) = (Some(at), false),
            Err(_) if self.is_refused => {}
            Err(error) => {
                self.is_refused = true;
                log::error!("control: the last good copy, {self}, cannot be written: {error}");
            }
        }
    }
}

impl fmt::Display for CopyFile {
    /// Writes where it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.file.display().fmt(f)
    }
}

/// The text of a copy.
fn text(decided: &Decided, place: &Place) -> String {
    let things = decided.things().into_iter().map(|held| Copied {
        kind: held.thing.kind().path().to_owned(),
        name: held.thing.name().to_owned(),
        revision: held.revision,
        body: RawValue::from_string(held.thing.stored()).expect("what is stored is JSON"),
    });
    let text = Text {
        format: FORMAT.to_owned(),
        database: place.id.clone(),
        revision: decided.revision(),
        history: place.history.clone(),
        audited: place.audited,
        digest: place.digest.clone(),
        things: things.collect(),
    };
    // What people wrote may have ends of lines between its members.
    let line = serde_json::to_string(&text).expect("it has texts for keys").replace(['\n', '\r'], " ");
    let digest = hex(&Sha256::digest(line.as_bytes()));
    format!("{line}\n{digest}\n")
}

/// Writes a copy over the one before, all or nothing; only its owner can read it.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let beside = beside(file);
    let mut new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    std::fs::rename(&beside, file)?;
    // The name, too, is to survive a loss of power.
    File::open(file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
        .sync_all()
}

/// Each process writes beside the file under a name of its own.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    name.into()
}

/// Reads a copy; `None` if there is none.
///
/// # Errors
///
/// It cannot be read, or is not as it was written.
fn read(file: &Path) -> Result<Option<Copy>, String> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let (line, digest) = text.split_once('\n').ok_or("it ends in the middle")?;
    if digest.trim_end() != hex(&Sha256::digest(line.as_bytes())) {
        return Err("it is not as it was written: its digest is another".to_owned());
    }
    let text: Text = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if text.format != FORMAT {
        return Err("it is of another version of this program".to_owned());
    }
    let things: Result<Vec<_>, _> = text.things.into_iter().map(thing).collect();
    Ok(Some(Copy {
        news: News { things: things?, ..News::default() },
        revision: text.revision,
        place: Place { id: text.database, history: text.history, audited: text.audited, digest: text.digest },
    }))
}

fn thing(copied: Copied) -> Result<(Kind, String, Option<Thing>, u64), String> {
    let Copied { kind, name, revision, body } = copied;
    let kind = Kind::of_path(&kind).ok_or_else(|| format!("{kind}: no such kind of thing"))?;
    let thing = Thing::from_stored(kind, body.get()).map_err(|error| format!("{name}: {error}"))?;
    Ok((kind, name, Some(thing), revision))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::thing::Tier;

    fn decided() -> Decided {
        let mut decided = Decided::default();
        let tier =
            |name: &str| Tier::parse(name, "{ \"limits\": { \"export\":\n\"60s per hour\" } }").unwrap();
        decided.apply(Kind::Tier, "gold", Some(tier("gold").into()), 3);
        decided.apply(Kind::Tier, "silver", Some(tier("silver").into()), 4);
        decided.apply(Kind::Tier, "silver", None, 5);
        decided
    }

    fn place() -> Place {
        Place { id: "one".to_owned(), history: "abc".to_owned(), audited: 7, digest: "def".to_owned() }
    }

    #[test]
    fn what_is_read_is_what_was_written() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("copy.json");
        assert!(read(&file).unwrap().is_none());
        write(&file, &text(&decided(), &place())).unwrap();
        let copy = read(&file).unwrap().unwrap();
        assert_eq!((copy.revision, copy.place), (5, place()));
        let [(kind, name, thing, 3)] = &copy.news.things[..] else { panic!("{:?}", copy.news) };
        assert_eq!((*kind, name.as_str()), (Kind::Tier, "gold"));
        assert_eq!(*thing, decided().thing(Kind::Tier, "gold").map(|held| held.thing));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing stays beside it");
    }

    /// Two were writing at once, and the one who had looked first wrote last: what was decided between was gone from the copy.
    #[test]
    fn what_is_older_is_never_written_over_what_is_newer() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = CopyFile::new(directory.path().join("copy.json"));
        let (older, mut newer) = (decided(), decided());
        newer.apply(Kind::Tier, "gold", None, 6);
        file.keep(&newer, &place());
        file.keep(&older, &place());
        let copy = file.read().unwrap();
        assert_eq!((copy.revision, copy.news.things.len()), (6, 0));
        newer.apply(Kind::Tier, "gold", decided().thing(Kind::Tier, "gold").map(|held| held.thing), 7);
        file.keep(&newer, &place());
        assert_eq!(file.read().unwrap().revision, 7);
        file.keep(&newer, &Place { audited: 8, ..place() });
        file.keep(&newer, &place());
        assert_eq!(file.read().unwrap().place.audited, 8, "a row of no change is news, too");
    }

    #[test]
    fn what_it_holds_is_not_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = CopyFile::new(directory.path().join("copy.json"));
        file.keep(&decided(), &place());
        std::fs::remove_file(&file.file).unwrap();
        file.keep(&decided(), &place());
        assert!(file.read().is_none());
    }

    #[test]
    fn what_could_not_be_written_is_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = CopyFile::new(directory.path().join("not there yet/copy.json"));
        file.keep(&decided(), &place());
        std::fs::create_dir(directory.path().join("not there yet")).unwrap();
        file.keep(&decided(), &place());
        assert_eq!(file.read().unwrap().revision, 5);
    }

    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("copy.json");
        write(&file, &text(&decided(), &place())).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_copy_that_is_damaged_anywhere_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("copy.json");
        let whole = text(&decided(), &place());
        for at in (0..whole.len() - 1).step_by(7) {
            let mut damaged = whole.clone().into_bytes();
            damaged[at] ^= 1;
            std::fs::write(&file, &damaged).unwrap();
            assert!(read(&file).is_err(), "byte {at}");
            std::fs::write(&file, &whole[..at]).unwrap();
            assert!(read(&file).is_err(), "cut at {at}");
        }
    }
}
