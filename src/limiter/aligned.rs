//! Tables of text: columns as wide as their widest cell.

/// The rows, indented, with each column as wide as its widest cell; the last column takes what room it needs.
///
/// # Examples
///
/// ```
/// use timebudget::explanation::aligned;
/// let rows = [["limits", "key"], ["9 per day", "ip"]].map(|row| row.map(str::to_owned));
/// assert_eq!(aligned(&rows), "  limits     key\n  9 per day  ip\n");
/// ```
///
/// A cell of several lines in the last column goes on below itself.
pub fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (at, (cell, &width)) in row.iter().zip(widths).enumerate() {
        let indent = format!("\n{}", " ".repeat(line.chars().count() + 2));
        let cell = cell.replace('\n', &indent);
        line += "  ";
        line += &if at + 1 < N { format!("{cell:width$}") } else { cell };
    }
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "bb", "c\nd"], ["aaa", "é", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "  a    bb  c\n           d\n  aaa  é\n");
    }
}
