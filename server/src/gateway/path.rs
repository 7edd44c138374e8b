//! Paths that lead elsewhere than they say: rules look at a path as it is written, and many applications resolve it.

use percent_encoding::percent_decode_str;

/// Whether a segment of a path is `.` or `..`, however it is written: with its dots or the slashes around it escaped, with a
/// backslash for a slash, or with a parameter (`..;x`), which some servers take away before they resolve it.
pub(crate) fn has_dot_segment(path: &str) -> bool {
    // Most paths have neither a dot nor an escape, and then there is nothing to look for.
    if !path.bytes().any(|byte| matches!(byte, b'.' | b'%')) {
        return false;
    }
    let plain: Vec<u8> = percent_decode_str(path).collect();
    let segments = plain.split(|byte| matches!(byte, b'/' | b'\\'));
    let mut names = segments.filter_map(|segment| segment.split(|byte| *byte == b';').next());
    names.any(|name| matches!(name, b"." | b".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments_are_found_however_they_are_written() {
        for path in [
            "/.",
            "/..",
            "/a/.",
            "/a/..",
            "/../a",
            "/a/../b",
            "/a/./b",
            "/%2e",
            "/%2E%2e/a",
            "/a/.%2e/b",
            "/a%2f..%2fb",
            "/a%2F.%2Fb",
            "/a/..%2fb",
            "/a\\..\\b",
            "/a%5c..%5Cb",
            "/a/..;/b",
            "/a/..;x=1/b",
            "/a/.;x",
            "/a/..%3bx/b",
            "..",
            ".",
        ] {
            assert!(has_dot_segment(path), "{path}");
        }
    }

    #[test]
    fn dots_in_names_are_none() {
        for path in [
            "/",
            "",
            "*",
            "/a.b",
            "/.well-known/rate-limits",
            "/...",
            "/a..b",
            "/..a",
            "/a..",
            "/a/b..c/d",
            "/%2e%2e%2e",
            "/v1.0/x",
            "/%",
            "/%2",
            "/%zz",
            "/a;..",
            "/%252e%252e/a",
        ] {
            assert!(!has_dot_segment(path), "{path}");
        }
    }
}
