//! `timebudget top`: a live view for a terminal.

use std::io::{self, IsTerminal};
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::output::{self, Failure};
use crate::remote::args::Where;
use crate::remote::http::{Ask, Remote};
use crate::remote::show::{Cell, table};
use crate::remote::spent::SPENDERS;

#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) at: Where,
    #[arg(long)]
    pub(crate) site: Option<String>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every: u64,
    /// Look once, and end
    #[arg(long)]
    pub(crate) once: bool,
}

/// How many routes are shown.
const ROUTES: usize = 12;

/// Shows where budgets stand and which routes spend them, again and again until the program is ended.
///
/// # Errors
///
/// Nobody answers the first time, or the answer says what is wrong; later it says so and goes on.
pub(crate) fn run(args: &TopArgs) -> Result<(), Failure> {
    let remote = Remote::new(&args.at)?;
    let mut frame = look(&remote, args)?;
    let clear = if io::stdout().is_terminal() && !args.once { "\u{1b}[2J\u{1b}[H" } else { "" };
    loop {
        output::to_stdout(&format!("{clear}{frame}\n"));
        if args.once {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(args.every));
        frame = look(&remote, args).unwrap_or_else(|failure| format!("{}\n", failure.text()));
    }
}

fn look(remote: &Remote, args: &TopArgs) -> Result<String, Failure> {
    let site = args.site.as_ref();
    let budgets = remote.json(&Ask::get(&["overview"]).with("site", site))?;
    let routes = remote.json(&Ask::get(&["usage"]).with("site", site).with("by", Some("route")))?;
    if args.at.json {
        return Ok(serde_json::json!({ "overview": budgets["items"], "routes": routes["items"] }).to_string());
    }
    let items = |list: &Value| list["items"].as_array().cloned().unwrap_or_default();
    let budgets: Vec<_> = items(&budgets).iter().map(burn_down).collect();
    let routes: Vec<_> = items(&routes).into_iter().take(ROUTES).collect();
    Ok(format!("BUDGETS\n{}\nROUTES\n{}", table(&budgets, BUDGETS), table(&routes, SPENDERS)))
}

const BUDGETS: [(&str, Cell); 8] = [
    ("site", Cell::Text("site")),
    ("rule", Cell::Text("rule")),
    ("limit", Cell::Text("limit")),
    ("", Cell::Text("bar")),
    ("spent", Cell::Amount("spent")),
    ("even pace", Cell::Amount("even_pace")),
    ("spent at", Cell::Text("spent_at")),
    ("refused", Cell::Text("refused")),
];

/// A budget with a bar of what is spent, and a mark at the even pace.
fn burn_down(budget: &Value) -> Value {
    let number = |field: &str| budget[field].as_f64().unwrap_or(0.0);
    let mut budget_shown = budget.clone();
    budget_shown["bar"] = bar(number("spent"), number("even_pace"), number("quota")).into();
    budget_shown
}

const WIDTH: usize = 20;

/// Twenty letters: `#` what is spent, `|` the even pace.
fn bar(spent: f64, even: f64, quota: f64) -> String {
    let place = |part: f64| {
        if quota > 0.0 { ((part / quota).clamp(0.0, 1.0) * WIDTH as f64).round() as usize } else { WIDTH }
    };
    let (spent, even) = (place(spent), place(even).min(WIDTH - 1));
    (0..WIDTH)
        .map(|at| {
            if at == even {
                '|'
            } else if at < spent {
                '#'
            } else {
                '.'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_what_is_spent_and_the_even_pace() {
        assert_eq!(bar(50.0, 25.0, 100.0), "#####|####..........");
        assert_eq!(bar(0.0, 0.0, 100.0), "|...................");
        assert_eq!(bar(300.0, 100.0, 100.0), "###################|");
        assert_eq!(bar(0.0, 0.0, 0.0), "###################|");
    }
}
