//! What of an output is the same each time.

/// An output without what differs from run to run: numbers, dates, and the order of header fields.
///
/// Status lines stay as they are.
pub(crate) fn shape(output: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut head: Option<usize> = None;
    for line in output.lines().map(str::trim_end) {
        if let Some(begin) = head.filter(|_| line.is_empty()) {
            lines[begin..].sort();
            head = None;
        }
        let is_status = line.starts_with("HTTP/");
        lines.push(if is_status { line.to_owned() } else { without_numbers(line) });
        if is_status {
            head = Some(lines.len());
        }
    }
    if let Some(begin) = head {
        lines[begin..].sort();
    }
    lines.join("\n")
}

fn without_numbers(line: &str) -> String {
    if line.starts_with("date: ") {
        return "date: …".to_owned();
    }
    let mut text = String::new();
    for letter in line.chars() {
        match letter {
            '0'..='9' if text.ends_with('0') => {}
            '0'..='9' => text.push('0'),
            other => text.push(other),
        }
    }
    text.replace("0.0", "0").replace("0 seconds", "0 second")
}

/// The length of a body as its head says and as it is shown, where an output is one whole answer.
pub(crate) fn length(output: &str) -> Option<(usize, usize)> {
    let (head, body) = output.split_once("\n\n").filter(|(head, _)| head.starts_with("HTTP/"))?;
    let said = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some((said.parse().ok()?, body.trim_end().len()))
}

#[test]
fn a_shape_has_no_numbers_but_a_status() {
    let one = "HTTP/1.1 429 Too Many Requests\nretry-after: 41\ndate: Sun, 22 Nov 2026 04:44:18 GMT\n\nin 41 seconds";
    let two = "HTTP/1.1 429 Too Many Requests\r\ndate: Mon, 1 Dec 2025 14:00:00 GMT\r\nretry-after: 1\r\n\r\nin 1 second";
    assert_eq!(shape(one), shape(two));
    assert_ne!(shape(one), shape(&one.replace("429", "200")));
    assert_ne!(shape(one), shape(&one.replace("retry-after", "retry-later")));
}
