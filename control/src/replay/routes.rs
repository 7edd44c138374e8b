//! Routes that a log does not tell: paths in which what tells one thing from another is left out.

/// A segment that is longer is no name.
const LONGEST: usize = 40;

/// Segments behind these are left out.
const DEEPEST: usize = 8;

/// Writes a method and the class of a path, `GET /users/{n}`, in place of what a text held.
///
/// A segment of digits alone is `{n}`; one with a digit that is a UUID, long for a name, or hexadecimal is `{id}`; any other is a name,
/// such as `v2`.
pub(crate) fn write(method: &str, path: &str, to: &mut String) {
    to.clear();
    // What is no method of HTTP is whatever strangers like.
    to.push_str(if method.len() <= 16 { method } else { "?" });
    to.push(' ');
    if !path.starts_with('/') {
        to.push_str(if path == "*" { "*" } else { "?" });
        return;
    }
    let mut segments = path.split('/').skip(1).filter(|segment| !segment.is_empty());
    let mut is_root = true;
    for segment in segments.by_ref().take(DEEPEST) {
        is_root = false;
        to.push('/');
        to.push_str(class(segment));
    }
    if is_root {
        to.push('/');
    } else if segments.next().is_some() {
        to.push_str("/…");
    }
}

#[inline]
fn class(segment: &str) -> &str {
    let (mut digits, mut hexes) = (0, 0);
    for byte in segment.bytes() {
        digits += usize::from(byte.is_ascii_digit());
        hexes += usize::from(byte.is_ascii_hexdigit() || byte == b'-');
    }
    match segment.len() {
        length if digits == length => "{n}",
        length if length > LONGEST => "{id}",
        _ if digits == 0 => segment,
        length if hexes == length && length >= 8 => "{id}",
        // Digits amid a long word: a token, or the name of one thing.
        length if length >= 16 && digits * 4 >= length => "{id}",
        _ => segment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_one_thing_from_another_is_left_out() {
        let of = |path: &str| {
            let mut text = "what was there".to_owned();
            write("GET", path, &mut text);
            text
        };
        for (path, class) in [
            ("/", "GET /"),
            ("", "GET ?"),
            ("*", "GET *"),
            ("/users/17/orders/4711", "GET /users/{n}/orders/{n}"),
            ("//users//17/", "GET /users/{n}"),
            ("/api/v2/méthod/frappe.client.get", "GET /api/v2/méthod/frappe.client.get"),
            ("/x/9f2c3d4e-0000-4000-8000-0123456789ab", "GET /x/{id}"),
            ("/x/deadbeef1", "GET /x/{id}"),
            ("/static/app-2.js", "GET /static/app-2.js"),
            ("/t/A1b2C3d4E5f6G7h8", "GET /t/{id}"),
            ("/a/b/c/d/e/f/g/h/i/j", "GET /a/b/c/d/e/f/g/h/…"),
        ] {
            assert_eq!(of(path), class, "{path}");
        }
        assert_eq!(of(&format!("/{}", "x".repeat(41))), "GET /{id}");
    }
}
