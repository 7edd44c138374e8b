//! A directory of sites as bench lays it out, on a disk and in force.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use actix_web::{App, web};
use timebudget::config::{Files, Options};
use timebudget::{Sites, TimeBudget};

use super::{Answer, Client, Listening, SECOND, World, serve};

/// Where clients are told where they stand.
pub(crate) const PAGE: &str = "/.well-known/rate-limits";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A directory of sites, removed at the end of the test, and a server that obeys it.
pub(crate) struct Bench {
    dir: PathBuf,
    files: Files,
    pub(crate) sites: Option<Arc<Sites>>,
    server: Option<Listening>,
}

impl Bench {
    /// A directory with these files, which nobody has read.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let name = format!("timebudget-bench-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).expect("a directory");
        let bench =
            Self { files: Files::from_dir(&dir, &Options::default()), dir, sites: None, server: None };
        files.iter().for_each(|(name, text)| bench.write(name, text));
        bench
    }

    /// The same, in force.
    pub(crate) fn serving(world: &World, files: &[(&str, &str)]) -> Self {
        let mut bench = Self::with(files);
        bench.serve(world);
        bench
    }

    /// Writes the file of a site, or that of all.
    pub(crate) fn write(&self, site: &str, text: &str) {
        let path = match site {
            "" => self.dir.join("common_site_config.json"),
            site => self.dir.join(site).join("site_config.json"),
        };
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// Links a directory under another name.
    pub(crate) fn link(&self, directory: &str, name: &str) {
        std::os::unix::fs::symlink(directory, self.dir.join(name)).expect("a link");
    }

    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// Puts the directory in force.
    pub(crate) fn serve(&mut self, world: &World) {
        let read = self.files.read().unwrap_or_else(|errors| panic!("{errors}"));
        let sites = Arc::new(Sites::new(read.loaded, world.engine()));
        let budget = TimeBudget::of_sites(Arc::clone(&sites)).tell_at(PAGE);
        self.server =
            Some(serve(move || App::new().wrap(budget.clone()).default_service(web::to(async || "hello"))));
        self.sites = Some(sites);
    }

    /// Puts it in force as it is now.
    pub(crate) fn reload(&mut self) {
        let read = self.files.read().unwrap_or_else(|errors| panic!("{errors}"));
        self.sites.as_ref().expect("it serves").replace(read.loaded);
    }

    pub(crate) async fn connect(&self) -> Client {
        self.server.as_ref().expect("it serves").connect().await
    }

    /// The answer to a GET for a host, with more fields, each with its line end.
    pub(crate) async fn ask(&self, host: impl AsRef<[u8]>, fields: &str) -> Answer {
        let mut client = self.connect().await;
        client
            .send([b"GET / HTTP/1.1\r\nHost: ", host.as_ref(), b"\r\n", fields.as_bytes(), b"\r\n"].concat())
            .await;
        client.answer().await
    }

    /// The seconds that the site grants which answers for a host.
    pub(crate) async fn limit(&self, host: impl AsRef<[u8]>) -> u64 {
        self.ask(host, "").await.number("x-ratelimit-limit") / SECOND
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}
