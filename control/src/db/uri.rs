//! Where a database is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;

/// Which database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// Where a database is, checked. It is never shown with its password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Uri {
    pub(crate) engine: Engine,
    /// As sqlx takes it.
    pub(crate) url: String,
    /// As it may be shown.
    shown: String,
    pub(crate) password: Option<String>,
    /// The file that it is, if it is one.
    pub(crate) file: Option<PathBuf>,
}

impl Uri {
    /// # Errors
    ///
    /// What is wrong with it, in words that do not quote it: it may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "no database; expected sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME";
        match text.split_once("://") {
            Some(("sqlite", file)) => Self::sqlite(file),
            Some(("postgres" | "postgresql", rest)) => Self::postgres(text, rest),
            _ => Err(EXPECTED),
        }
    }

    fn sqlite(file: &str) -> Result<Self, &'static str> {
        if file.is_empty() || file.contains('?') {
            return Err("expected sqlite://FILE, without parameters");
        }
        let path =
            std::path::absolute(PathBuf::from(file)).map_err(|_| "the file's directory cannot be told")?;
        let text = path.to_str().ok_or("the file's directory is not UTF-8")?;
        let url = format!("sqlite://{}?mode=rwc", percent_encoded(text));
        let shown = format!("sqlite://{file}");
        Ok(Self { engine: Engine::Sqlite, url, shown, password: None, file: Some(path) })
    }

    fn postgres(text: &str, rest: &str) -> Result<Self, &'static str> {
        PgConnectOptions::from_str(text).map_err(
            |_| "unreadable; expected postgres://USER:PASSWORD@HOST:PORT/NAME, or …/NAME?host=DIRECTORY",
        )?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (user, place),
            None => ("", authority),
        };
        let (user, password) = user.split_once(':').map_or((user, None), |(user, word)| (user, Some(word)));
        let in_parameters = rest.split(['?', '&']).find_map(|parameter| parameter.strip_prefix("password="));
        let path = rest[authority.len()..].split('?').next().unwrap_or_default();
        let at = if user.is_empty() { "" } else { "@" };
        Ok(Self {
            engine: Engine::Postgres,
            url: text.to_owned(),
            shown: format!("postgres://{user}{at}{place}{path}"),
            password: password.or(in_parameters).filter(|word| !word.is_empty()).map(str::to_owned),
            file: None,
        })
    }
}

fn percent_encoded(path: &str) -> String {
    use fmt::Write as _;
    path.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                text.push(byte.into());
            }
            _ => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}

impl fmt::Display for Uri {
    /// Writes it without the password, and without parameters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_shown_without_its_password() {
        for (text, shown) in [
            (
                "postgres://ann:s3cret@db.example:5433/limits?sslmode=require",
                "postgres://ann@db.example:5433/limits",
            ),
            ("postgresql:///limits?host=/run/postgresql&user=ann&password=s3cret", "postgres:///limits"),
            ("sqlite://timebudget.db", "sqlite://timebudget.db"),
        ] {
            let uri = Uri::parse(text).unwrap();
            assert_eq!(uri.to_string(), shown);
            assert!(!format!("{uri:?}").contains("s3cret"));
        }
    }

    #[test]
    fn what_is_no_database_is_refused_without_being_quoted() {
        for text in [
            "",
            "timebudget.db",
            "sqlite://",
            "sqlite://a?mode=ro",
            "mysql://ann:s3cret@db/limits",
            "postgres://ann:s3cret@db:port/x",
        ] {
            let error = Uri::parse(text).unwrap_err();
            assert!(error.contains("expected") && !error.contains("s3cret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_of_any_name_is_that_file() {
        let uri = Uri::parse("sqlite:///tmp/a b#c%20.db").unwrap();
        assert_eq!(uri.url, "sqlite:///tmp/a%20b%23c%2520.db?mode=rwc");
    }
}
