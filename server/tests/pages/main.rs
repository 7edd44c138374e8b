//! Every command that a page shows is run, as its reader would type it, and what it prints is compared with what is
//! shown. Those that take too long are run in another form; `exceptions.rs` lists them, each with its reason.
//!
//! Pages are markdown files, and the head comments of examples, benchmarks and sources.

mod exceptions;
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
use markdown::Item;
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
    the_page_about_what_stands_in_front: "docs/in-front-and-behind.md",
    the_page_about_benchmarks: "benches/README.md",
    the_head_of_hello: "examples/hello.rs",
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
    let shown: BTreeSet<_> = shelf::pages().iter().flat_map(|page| shown_on(page)).collect();
    for exception in EXCEPTIONS {
        assert!(shown.contains(exception.command), "{:?} is on no page", exception.command);
    }
}

fn shown_on(page: &str) -> Vec<String> {
    let items = markdown::items(&shelf::text(page));
    let commands = items.into_iter().filter_map(|item| match item {
        Item::Command(command) => Some(command.text),
        Item::Program(_) | Item::Manifest(_) => None,
    });
    commands.collect()
}
