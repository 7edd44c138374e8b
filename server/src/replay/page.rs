//! What a replay has found, as a page: one file without scripts, which needs nothing else.

use std::fmt::Write as _;

use crate::replay::report::{Chart, Report, Table};

/// Light and dark, and as narrow as a telephone: tables scroll for themselves.
const STYLE: &str = "
:root { color-scheme: light dark; --line: #8885; --bar: #2563eb; --full: #dc2626; --soft: #8882; }
@media (prefers-color-scheme: dark) { :root { --bar: #60a5fa; --full: #f87171; } }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
ul { list-style: none; padding: 0; overflow-wrap: anywhere; }
.verdict { font-size: 1.1rem; } .warning { border-left: 4px solid var(--full); padding-left: .6rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); }
.number { text-align: right; }
svg { width: 100%; height: 8rem; display: block; background: var(--soft); }
svg rect { fill: var(--bar); } svg rect.full { fill: var(--full); } svg line { stroke: currentColor; stroke-dasharray: 2 2; }
.note, figcaption { opacity: .8; font-size: .9rem; } figure { margin: 1rem 0; }
";

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let mut page = String::new();
    page += "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
    page += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
    page += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";
    let _ = write!(page, "<title>Replay</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>Replay</h1>\n");
    list(&mut page, "", &report.head);
    list(&mut page, "verdict", &report.verdicts);
    list(&mut page, "warning", &report.warnings);
    report.tables.iter().for_each(|shown| table(&mut page, shown));
    if !report.charts.is_empty() {
        page += "<h2>spend of each window</h2>\n<p class=\"note\">The share of its quota that the worst account of a window has spent. ";
        page += "The line is all of it; a bar that reaches it is striped by its colour and named full.</p>\n";
    }
    report.charts.iter().for_each(|drawn| chart(&mut page, drawn));
    page + "</body>\n</html>\n"
}

fn list(page: &mut String, class: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(page, "<ul class=\"{class}\">");
    for line in lines {
        let _ = writeln!(page, "<li>{}</li>", escaped(line));
    }
    *page += "</ul>\n";
}

fn table(page: &mut String, table: &Table) {
    let _ =
        write!(page, "<h2>{}</h2>\n<div class=\"scroll\" tabindex=\"0\"><table>\n", escaped(&table.title));
    for (at, row) in table.rows.iter().enumerate() {
        *page += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            let tag = if at == 0 { "th" } else { "td" };
            let class = if table.is_number(column) { " class=\"number\"" } else { "" };
            let _ = write!(page, "<{tag}{class}>{}</{tag}>", escaped(cell));
        }
        *page += "</tr>\n";
    }
    *page += "</table></div>\n";
    if !table.note.is_empty() {
        let _ = writeln!(page, "<p class=\"note\">{}</p>", escaped(&table.note));
    }
}

/// How high a chart is where its highest bar is at the quota.
const HIGH: f64 = 100.0;

fn chart(page: &mut String, chart: &Chart) {
    let highest = chart.bars.iter().map(|(_, share)| *share).fold(1.0, f64::max);
    let (high, count) = (|share: f64| share / highest * HIGH, chart.bars.len());
    let full = chart.bars.iter().filter(|(_, share)| *share >= 1.0).count();
    let title = format!("{}; {full} of {count} bars full", chart.title);
    let _ = write!(
        page,
        "<figure><figcaption>{}</figcaption>\n<svg viewBox=\"0 0 {} {HIGH}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">\n",
        escaped(&chart.title),
        count.max(1),
        escaped(&title),
    );
    for (at, (start, share)) in chart.bars.iter().enumerate() {
        let (is_full, height) = (*share >= 1.0, high(*share));
        let _ = writeln!(
            page,
            "<rect x=\"{at}.1\" y=\"{:.2}\" width=\"0.8\" height=\"{height:.2}\"{}><title>{}: {:.1} %{}</title></rect>",
            HIGH - height,
            if is_full { " class=\"full\"" } else { "" },
            escaped(start),
            share * 100.0,
            if is_full { ", full" } else { "" },
        );
    }
    let quota = HIGH - high(1.0);
    let _ = writeln!(
        page,
        "<line x1=\"0\" x2=\"{}\" y1=\"{quota:.2}\" y2=\"{quota:.2}\" vector-effect=\"non-scaling-stroke\"/>\n</svg></figure>",
        count.max(1)
    );
}

/// A text as HTML, between tags and within quotation marks.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            letter => html.push(letter),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_write_is_no_html_and_nothing_is_fetched() {
        let evil = "<script src=\"https://x\">&";
        let report = Report {
            head: vec![evil.to_owned()],
            warnings: vec![evil.to_owned()],
            verdicts: vec![evil.to_owned()],
            tables: vec![Table {
                title: evil.to_owned(),
                rows: vec![vec![evil.to_owned()]; 2],
                note: evil.to_owned(),
            }],
            charts: vec![Chart { title: evil.to_owned(), bars: vec![(evil.to_owned(), 1.5)] }],
        };
        let page = page(&report);
        assert!(!page.contains("<script") && !page.contains("src=\""), "{page}");
        assert_eq!(page.matches("&lt;script src=&quot;https://x&quot;&gt;&amp;").count(), 10);
        for outside in ["url(", "@import", "<link", "href="] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
