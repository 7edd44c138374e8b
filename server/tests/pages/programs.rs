//! What readers start.

/// The first words of what is a command rather than a file or an output.
const PROGRAMS: &[&str] = &[
    "./dev",
    "cargo",
    "curl",
    "docker",
    "for",
    "git",
    "haproxy",
    "kubectl",
    "nginx",
    "npm",
    "pip",
    "printf",
    "python3",
    "redis-cli",
    "redis-server",
    "systemctl",
    "timebudget",
    "valkey-server",
];

/// Whether a line begins with a program, after variables that are set for it.
pub(crate) fn is_command(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| is_assignment(word));
    let first = words.next().unwrap_or_default();
    // `timebudget = { … }` is a dependency.
    PROGRAMS.contains(&first) && words.next().is_none_or(|second| !["=", "is"].contains(&second))
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase())
    })
}
