//! What a replay has found, as a page: one file without scripts, which needs nothing else.

use std::fmt::Write as _;

use crate::replay::report::{Chart, Report, Table};

/// Light and dark, and as narrow as a telephone: there a row of a table is a card. What is full is striped, for those who see no red.
const STYLE: &str = "
:root { color-scheme: light dark; --line: #8885; --bar: #2563eb; --full: #dc2626; --soft: #8882; --ground: Canvas; }
@media (prefers-color-scheme: dark) { :root { --bar: #60a5fa; --full: #f87171; } }
* { box-sizing: border-box; }
body { background: Canvas; color: CanvasText; font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
h2::first-letter, th::first-letter { text-transform: uppercase; }
ul { list-style: none; padding: 0; overflow-wrap: anywhere; }
.verdict { font-size: 1.1rem; } .warning { border-left: 4px solid var(--full); padding-left: .6rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; min-width: 50%; }
th, td { text-align: left; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; }
td:first-child { white-space: normal; overflow-wrap: anywhere; }
.number { text-align: right; }
svg { width: 100%; height: 8rem; display: block; background: var(--soft); }
svg .bar { fill: var(--bar); } svg .full { fill: url(#full); } pattern rect { fill: var(--full); } pattern line { stroke: var(--ground); }
svg .quota { stroke: currentColor; stroke-dasharray: 2 2; }
.note, figcaption, .ends { opacity: .8; font-size: .9rem; } figure { margin: 1rem 0; } .defs { height: 0; }
.ends { display: flex; justify-content: space-between; margin: 0; }
@media (max-width: 48rem) {
  table, tbody, tr, td { display: block; } thead { display: none; }
  tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  td { display: flex; justify-content: space-between; gap: 1rem; border: 0; padding: .1rem 0; white-space: normal; overflow-wrap: anywhere; text-align: right; }
  td::before { content: attr(data-label); opacity: .8; white-space: nowrap; }
  td:first-child { font-weight: 600; text-align: left; } td:first-child::before { content: none; }
}
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
        page += "The line is all of it; bars that reach it are striped.</p>\n";
        page += STRIPES;
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

/// The roles are said, since the style of a narrow screen would take them away.
fn table(page: &mut String, table: &Table) {
    let _ = write!(page, "<h2>{}</h2>\n<table role=\"table\">\n", escaped(&table.title));
    let titles = table.rows.first().map_or(&[][..], |titles| titles);
    let class = |column| if table.is_number(column) { " class=\"number\"" } else { "" };
    *page += "<thead role=\"rowgroup\"><tr role=\"row\">";
    for (column, title) in titles.iter().enumerate() {
        let _ =
            write!(page, "<th role=\"columnheader\" scope=\"col\"{}>{}</th>", class(column), escaped(title));
    }
    *page += "</tr></thead>\n<tbody role=\"rowgroup\">\n";
    for row in table.rows.iter().skip(1) {
        *page += "<tr role=\"row\">";
        for (column, (cell, title)) in row.iter().zip(titles).enumerate() {
            let (class, label) = (class(column), escaped(title));
            let _ = write!(
                page,
                "<td role=\"cell\" data-label=\"{label}\"{class}><span>{}</span></td>",
                escaped(cell)
            );
        }
        *page += "</tr>\n";
    }
    *page += "</tbody></table>\n";
    if !table.note.is_empty() {
        let _ = writeln!(page, "<p class=\"note\">{}</p>", escaped(&table.note));
    }
}

/// What full bars are filled with.
const STRIPES: &str = "<svg class=\"defs\" aria-hidden=\"true\"><pattern id=\"full\" width=\"4\" height=\"5\" patternUnits=\"userSpaceOnUse\">\
    <rect width=\"4\" height=\"5\"/><line x2=\"4\" y1=\".5\" y2=\".5\"/></pattern></svg>\n";

/// How high a chart is where its highest bar is at the quota.
const HIGH: f64 = 100.0;

fn chart(page: &mut String, chart: &Chart) {
    let highest = chart.bars.iter().map(|(_, share)| *share).fold(1.0, f64::max);
    let (high, count) = (|share: f64| share / highest * HIGH, chart.bars.len());
    let full = chart.bars.iter().filter(|(_, share)| *share >= 1.0).count();
    let worst = chart.bars.iter().map(|(_, share)| *share).fold(0.0, f64::max);
    let title = format!("{}; {full} of {count} bars full, the highest {:.0} %", chart.title, worst * 100.0);
    let title = escaped(&title);
    let _ = write!(
        page,
        "<figure><figcaption>{title}</figcaption>\n<svg viewBox=\"0 0 {} {HIGH}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{title}\">\n",
        count.max(1),
    );
    for (at, (start, share)) in chart.bars.iter().enumerate() {
        let (is_full, height) = (*share >= 1.0, high(*share));
        let _ = writeln!(
            page,
            "<rect x=\"{at}.1\" y=\"{:.2}\" width=\"0.8\" height=\"{height:.2}\" class=\"{}\"><title>{}: {:.1} %{}</title></rect>",
            HIGH - height,
            if is_full { "full" } else { "bar" },
            escaped(start),
            share * 100.0,
            if is_full { ", full" } else { "" },
        );
    }
    let quota = HIGH - high(1.0);
    let _ = writeln!(
        page,
        "<line class=\"quota\" x1=\"0\" x2=\"{}\" y1=\"{quota:.2}\" y2=\"{quota:.2}\" vector-effect=\"non-scaling-stroke\"/>\n</svg>",
        count.max(1)
    );
    if let [(first, _), .., (last, _)] = &chart.bars[..] {
        let _ = writeln!(
            page,
            "<p class=\"ends\"><span>{}</span><span>{}</span></p>",
            escaped(first),
            escaped(last)
        );
    }
    *page += "</figure>\n";
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
        assert_eq!(page.matches("&lt;script src=&quot;https://x&quot;&gt;&amp;").count(), 11);
        for outside in ["url(h", "@import", "<link", "href="] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
