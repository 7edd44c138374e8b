//! What the gateway costs.
//!
//! Without an argument: CPU time a request beside nginx with `limit_req`, HAProxy with a stick table and pingora with a limit by address. All
//! stand before the same nginx, on one worker each, with 32 connections of h2load. Slices alternate, so that what else the machine
//! does meets all of them; a figure is the median over the slices. `instructions` counts those of a small GET by callgrind, with
//! and without metrics and the access log, and `charged` tells what slow clients are charged.

mod charged;
mod instructions;
mod load;
mod subject;

use std::path::Path;
use std::{env, fs};

use crate::subject::Subject;

fn main() {
    let directory = env::temp_dir().join(format!("timebudget-gateway-{}", std::process::id()));
    make_files(&directory);
    let has = |wanted: &str| env::args().any(|argument| argument == wanted);
    match (has("instructions"), has("charged")) {
        (true, _) => instructions::measure(&directory),
        (_, true) => charged::measure(&directory),
        _ => load::measure(&directory),
    }
    let _ = fs::remove_dir_all(&directory);
}

/// The application that all stand before.
fn application(directory: &Path) -> Subject {
    Subject::nginx(directory, "application", &|address| {
        format!(
            "server {{ listen {address} backlog=1024; root {}/html; keepalive_requests 100000000;\n\
             location = /small {{ return 200 hello; }} }}",
            directory.display()
        )
    })
}

fn make_files(directory: &Path) {
    let html = directory.join("html");
    fs::create_dir_all(&html).unwrap();
    for (name, kilobytes) in [("64k", 64), ("1m", 1024)] {
        fs::write(html.join(name), vec![b'x'; kilobytes * 1024]).unwrap();
    }
}
