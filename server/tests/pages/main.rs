//! Every command that a page shows is run, as its reader would type it, and what it prints is compared with what is
//! shown. Those that take too long are run in another form; `exceptions.rs` lists them, each with its reason.
//!
//! Pages are markdown files, and the head comments of examples, benchmarks and sources.

mod exceptions;
mod files;
mod markdown;
mod place;
mod process;
mod program;
mod programs;
mod reader;
mod shape;
mod shelf;

use std::collections::BTreeSet;

use exceptions::EXCEPTIONS;
use markdown::{Command, Item};
use reader::Reader;

macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        /// Those with a test of their own.
        const PAGES: &[&str] = &[$($path),*];

        $(#[test]
        fn $name() {
            Reader::of($path).read();
        })*
    };
}

pages! {
    the_readme: "README.md",
    the_page_about_accounting: "docs/accounting.md",
    the_page_about_redis: "docs/redis.md",
    the_page_about_run_time_control: "docs/control.md",
    the_page_about_what_stands_in_front: "docs/in-front-and-behind.md",
    the_page_about_benchmarks: "benches/README.md",
    the_page_about_observing: "docs/observing.md",
    the_head_of_hello: "examples/hello.rs",
    the_head_of_observer: "examples/observer/main.rs",
    the_head_of_requests: "examples/requests.rs",
    the_head_of_scopes: "examples/scopes.rs",
    the_head_of_streaming: "examples/streaming.rs",
}

/// All that have no servers to wait for, or none at all: one after the other.
#[test]
fn every_other_page() {
    let others: Vec<_> = shelf::pages().into_iter().filter(|page| !PAGES.contains(&page.as_str())).collect();
    assert!(others.len() > 10, "{others:?}");
    for page in others {
        Reader::of(&page).read();
    }
}

#[test]
fn no_exception_is_of_a_command_that_no_page_shows() {
    let pages = shelf::pages();
    let shown: BTreeSet<_> =
        pages.iter().flat_map(|page| commands_of(page)).map(|command| command.text).collect();
    for exception in EXCEPTIONS {
        assert!(shown.contains(exception.command), "{:?} is on no page", exception.command);
    }
}

/// A text of the server's had changed, and the page with it, but for its length.
#[test]
fn an_answer_that_is_shown_is_as_long_as_it_says() {
    let commands = shelf::pages().into_iter().flat_map(|page| commands_of(&page));
    let shown: Vec<_> = commands.filter_map(|command| shape::length(&command.shown)).collect();
    assert!(shown.len() > 2, "{shown:?}");
    for (said, found) in shown {
        // The body may end with a newline.
        assert!(said == found || said == found + 1, "content-length: {said} of {found} bytes");
    }
}

fn commands_of(page: &str) -> Vec<Command> {
    let items = markdown::items(&shelf::text(page));
    let commands = items.into_iter().filter_map(|item| match item {
        Item::Command(command) => Some(command),
        Item::Program(_) | Item::Manifest(_) => None,
    });
    commands.collect()
}
