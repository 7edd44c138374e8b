//! What a page shows: commands with their output, programs, and dependencies.

use crate::programs::is_command;

/// Something that a reader can do.
#[derive(Debug)]
pub(crate) enum Item {
    Command(Command),
    /// A whole program in Rust.
    Program(String),
    /// Lines for a `Cargo.toml`.
    Manifest(String),
}

/// A command as it stands on a page.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) text: String,
    /// What is shown of its output; empty where nothing is.
    pub(crate) shown: String,
    /// Whether it stands in the midst of a sentence.
    pub(crate) is_inline: bool,
}

/// What there is on a page, from top to bottom.
pub(crate) fn items(page: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut lines = (1..).zip(page.lines()).peekable();
    while let Some((line, text)) = lines.next() {
        if let Some(language) = text.trim_start().strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().take_while(|(_, text)| text.trim() != "```").collect();
            fenced(language, &block, &mut items);
        } else if is_indented(text) && is_command(text) {
            items.push(command(line, text.trim(), false));
        } else if !is_indented(text) {
            let mut paragraph = text.to_owned();
            while let Some((_, more)) = lines.next_if(|(_, text)| goes_on(text)) {
                paragraph += &format!(" {}", more.trim());
            }
            inline(line, &paragraph, &mut items);
        }
    }
    items
}

fn is_indented(text: &str) -> bool {
    text.starts_with("    ")
}

/// Whether a line belongs to the paragraph before it.
fn goes_on(text: &str) -> bool {
    let begins_another = text.starts_with("```") || text.trim_start().starts_with(['|', '#', '-', '>']);
    !text.trim().is_empty() && !is_indented(text) && !begins_another
}

/// The commands in a paragraph, whose spans may go over several lines. A program's name alone is a word of the sentence.
fn inline(line: usize, paragraph: &str, items: &mut Vec<Item>) {
    let spans = paragraph.split('`').skip(1).step_by(2);
    let commands = spans.filter(|span| span.contains(' ') && is_command(span));
    items.extend(commands.map(|span| command(line, span, true)));
}

fn fenced(language: &str, block: &[(usize, &str)], items: &mut Vec<Item>) {
    let text = || block.iter().map(|(_, text)| format!("{text}\n")).collect::<String>();
    match language {
        "console" => session(block, items),
        "rust" if text().contains("fn main()") => items.push(Item::Program(text())),
        "toml" => items.push(Item::Manifest(text())),
        "sh" | "text" => {
            let commands = block.iter().filter(|(_, text)| is_command(text));
            items.extend(commands.map(|(line, text)| command(*line, text.trim(), false)));
        }
        _ => {}
    }
}

/// A session: what follows a prompt is typed, all else is printed.
fn session(block: &[(usize, &str)], items: &mut Vec<Item>) {
    for (line, text) in block {
        match (text.strip_prefix("$ "), items.last_mut()) {
            (Some(typed), _) => items.push(command(*line, typed, false)),
            (None, Some(Item::Command(last))) => last.shown += &format!("{text}\n"),
            (None, _) => panic!("line {line}: a session begins with a prompt"),
        }
    }
}

/// A command without the comment behind it.
fn command(line: usize, text: &str, is_inline: bool) -> Item {
    let text = text.split(" # ").next().unwrap_or_default().trim().to_owned();
    Item::Command(Command { line, text, shown: String::new(), is_inline })
}

#[test]
fn commands_are_found_wherever_they_stand() {
    let page = "Type `cargo\ndoc`, not `cargo`'s name.\n\n    RUST_LOG=info timebudget serve  # serves\n    timebudget = \
                { path = \"…\" }\n\n```console\n$ curl -i localhost\nHTTP/1.1 200 OK\n$ ./dev help\n```\n";
    let found: Vec<_> = items(page).into_iter().map(|item| format!("{item:?}")).collect();
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(found[0].contains("line: 1") && found[0].contains("is_inline: true"), "{found:?}");
    assert!(found[1].contains(r#""RUST_LOG=info timebudget serve""#), "{found:?}");
    assert!(found[2].contains(r#"shown: "HTTP/1.1 200 OK\n""#), "{found:?}");
}
