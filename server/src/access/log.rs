//! The thread that writes the access log. Workers hand lines to it and never wait: what it cannot take is lost, and counted.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use timebudget::Limiter;

use crate::access::Line;

/// How many lines wait at most.
const WAITING: usize = 16_384;

/// How long lines are gathered that came together: so a busy worker wakes the thread but a hundred times a second.
const GATHER: Duration = Duration::from_millis(10);

/// How long the end waits for what waits to be written.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(2);

/// The file that means standard output.
const STDOUT: &str = "-";

/// What is known of a request when it has ended.
pub(crate) struct Record {
    /// In microseconds since 1970.
    pub(crate) time: u64,
    pub(crate) client: Option<IpAddr>,
    pub(crate) user: Option<Arc<str>>,
    pub(crate) api_key: Option<Arc<str>>,
    pub(crate) site: Option<Arc<Limiter>>,
    /// The host that was asked for, as the site names it.
    pub(crate) host: Option<Arc<str>>,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) status: StatusCode,
    pub(crate) charged_us: u64,
    pub(crate) waived: bool,
    pub(crate) elapsed_us: u64,
    pub(crate) upstream_us: Option<u64>,
    pub(crate) rule: Option<Arc<str>>,
    pub(crate) request_id: String,
}

enum Letter {
    Record(Box<Record>),
    /// The flags say what is to be done.
    Look,
    /// All that was handed over before is to be written; then this is told.
    End(mpsc::Sender<()>),
}

/// The access log, for workers to write to.
pub(crate) struct Log {
    letters: SyncSender<Letter>,
    is_to_reopen: AtomicBool,
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Log {
    /// Opens the file, and starts its thread.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or the system has no thread to give.
    pub(crate) fn open(file: &Path) -> io::Result<Arc<Self>> {
        let output = Output::open(file)?;
        let (letters, received) = mpsc::sync_channel(WAITING);
        let (written, dropped) = (AtomicU64::new(0), AtomicU64::new(0));
        let log = Arc::new(Self { letters, is_to_reopen: AtomicBool::new(false), written, dropped });
        let writer = Writer { output, file: file.to_owned(), log: Arc::clone(&log), is_failing: false };
        thread::Builder::new().name("timebudget-log".to_owned()).spawn(move || writer.run(&received))?;
        Ok(log)
    }

    /// Hands over a line. Without waiting: where too many wait, it is lost.
    pub(crate) fn write(&self, record: Record) {
        if self.letters.try_send(Letter::Record(Box::new(record))).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
    }

    /// Has the file opened anew, as after it was moved away.
    pub(crate) fn reopen(&self) {
        self.is_to_reopen.store(true, Relaxed);
        // Where many wait, the thread is awake and looks anyway.
        let _ = self.letters.try_send(Letter::Look);
    }

    /// Waits until everything is written, for two seconds at most.
    pub(crate) fn end(&self) {
        let (done, is_done) = mpsc::channel();
        let mut letter = Letter::End(done);
        for _ in 0..LAST_LINES_WITHIN.as_millis() / GATHER.as_millis() {
            match self.letters.try_send(letter) {
                Ok(()) => {
                    let _ = is_done.recv_timeout(LAST_LINES_WITHIN);
                    return;
                }
                Err(TrySendError::Full(back)) => letter = back,
                Err(TrySendError::Disconnected(_)) => return,
            }
            thread::sleep(GATHER);
        }
    }

    /// How many lines were written.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// How many lines were lost.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// The thread's own.
struct Writer {
    output: BufWriter<Output>,
    file: PathBuf,
    log: Arc<Log>,
    /// Whether the last write failed, which is told once.
    is_failing: bool,
}

/// Where lines go.
enum Output {
    Stdout(io::Stdout),
    File(File),
}

impl Output {
    fn open(file: &Path) -> io::Result<BufWriter<Self>> {
        let output = match file.as_os_str() == STDOUT {
            true => Self::Stdout(io::stdout()),
            false => Self::File(OpenOptions::new().create(true).append(true).open(file)?),
        };
        Ok(BufWriter::with_capacity(1 << 16, output))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

impl Writer {
    /// Writes what comes, until nobody is left who could send anything, which is when the process ends.
    fn run(mut self, letters: &Receiver<Letter>) {
        while let Ok(first) = letters.recv() {
            if self.log.is_to_reopen.swap(false, Relaxed) {
                self.reopen();
            }
            let mut ended = Vec::new();
            let mut lines = Vec::new();
            for letter in [first].into_iter().chain(letters.try_iter().take(WAITING)) {
                match letter {
                    Letter::Record(record) => lines.push(record),
                    Letter::Look => {}
                    Letter::End(done) => ended.push(done),
                }
            }
            self.write(&lines);
            for done in ended {
                // Who has stopped waiting does not want to know.
                let _ = done.send(());
            }
            thread::sleep(GATHER);
        }
    }

    fn write(&mut self, records: &[Box<Record>]) {
        let written = records.iter().try_for_each(|record| self.write_line(record));
        let written = written.and_then(|()| self.output.flush());
        let count = records.len() as u64;
        match written {
            Ok(()) => {
                self.log.written.fetch_add(count, Relaxed);
                if std::mem::take(&mut self.is_failing) {
                    log::info!("{}: the access log is written again", self.file.display());
                }
            }
            Err(error) => {
                self.log.dropped.fetch_add(count, Relaxed);
                if !std::mem::replace(&mut self.is_failing, true) {
                    log::error!("{}: the access log cannot be written: {error}", self.file.display());
                }
            }
        }
    }

    fn write_line(&mut self, record: &Record) -> io::Result<()> {
        let client = record.client.map(|client| client.to_string());
        let site = record.site.as_ref().map_or("", |limiter| &limiter.site().name);
        let line = Line {
            time: record.time,
            client: client.as_deref().map(Into::into),
            user: record.user.as_deref().map(Into::into),
            api_key: record.api_key.as_deref().map(Into::into),
            site: site.into(),
            host: record.host.as_deref().filter(|host| *host != site).map(Into::into),
            method: record.method.as_str().into(),
            path: record.path.as_str().into(),
            status: record.status.as_u16(),
            charged_us: record.charged_us,
            waived: record.waived,
            elapsed_us: record.elapsed_us,
            upstream_us: record.upstream_us,
            rule: record.rule.as_deref().map(Into::into),
            request_id: Some(record.request_id.as_str().into()),
        };
        line.write(&mut self.output)
    }

    /// The old file stays where the new one cannot be opened.
    fn reopen(&mut self) {
        match Output::open(&self.file) {
            Ok(output) => self.output = output,
            Err(error) => log::error!(
                "{}: cannot be opened anew, so the access log goes on in the old file: {error}",
                self.file.display()
            ),
        }
    }
}
