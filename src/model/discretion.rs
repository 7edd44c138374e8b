//! Discretion: what of a secret is shown to people.

/// How many letters of a secret are shown: enough to tell one's own secrets apart, and too few to guess the rest.
const SHOWN: usize = 4;

/// What a name has in it that mostly names a credential.
const TELLING: [&str; 8] = ["auth", "key", "token", "secret", "session", "password", "sid", "cookie"];

/// Whether what a client sends under a name may be a credential; of cookies, every one may be.
///
/// # Examples
///
/// ```
/// use timebudget::is_credential;
/// assert!(is_credential("header", "X-Api-Key") && is_credential("cookie", "x"));
/// assert!(!is_credential("header", "accept-language"));
/// ```
pub fn is_credential(kind: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    kind == "cookie" || TELLING.iter().any(|telling| name.contains(telling))
}

/// The first letters of a secret, and `…` for the rest.
///
/// # Examples
///
/// ```
/// use timebudget::shortened;
/// assert_eq!(shortened("Bearer 1234"), "Bear…");
/// assert_eq!(shortened("abc"), "…", "a short one is not shown at all");
/// ```
pub fn shortened(secret: &str) -> String {
    let shown = if secret.chars().count() > 2 * SHOWN { SHOWN } else { 0 };
    secret.chars().take(shown).chain(['…']).collect()
}
