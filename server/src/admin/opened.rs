//! Run-time control as the command line opens it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::json;
use timebudget::AddressPolicy;
use timebudget::config::{Problem, parse_site};
use timebudget_control::{Control, OpenError, Options};

use crate::args::AdminArgs;
use crate::output::{self, Failure};
use crate::source::Source;

/// The environment's name for the file of the first owner's token.
const TOKEN_FILE: &str = "TIMEBUDGET_OWNER_TOKEN_FILE";

/// The database and the copy of it, beside the site files.
const DATABASE: &str = "timebudget.db";
const COPY: &str = "timebudget-control.json";

/// What the arguments call no database.
const NONE: &str = "none";

/// So many letters a token has at least that a person chose: one that can be guessed is no token.
const LEAST: usize = 32;

/// Control over the database that the arguments name; `None` where they ask for none.
///
/// The token of the first owner is printed at once, and only now: nothing that goes wrong afterwards can lose it.
///
/// # Errors
///
/// The URI or the token is wrong, or the database cannot be opened and there is no copy of it.
pub(crate) async fn open(args: &AdminArgs, source: &Source) -> Result<Option<Control>, Failure> {
    if args.admin.is_none() && args.database.is_none() || args.database.as_deref() == Some(NONE) {
        return Ok(None);
    }
    let beside = directory(source);
    let beside_files = || format!("sqlite://{}", beside.join(DATABASE).display());
    let database = args.database.clone().unwrap_or_else(beside_files);
    let options = Options::new(database).with_copy(beside.join(COPY)).with_addresses(addresses(args)?);
    let options = if args.admin_https { options.with_https() } else { options };
    let recent = args.recent_requests.map_or(0, |megabytes| usize::from(megabytes.get()) << 20);
    let options = options.with_recent_requests(recent);
    let options = match owner_token()? {
        Some(token) => options.with_owner_token(token),
        None => options,
    };
    let control = Control::open(options).await.map_err(|error| match error {
        OpenError::Uri(why) => Failure::wrong(format!("--database: {why}")),
        _ => Failure::system(error),
    })?;
    if let Some(token) = control.first_owner_token() {
        output::to_stdout(&format!("owner token: {token}\n"));
    }
    Ok(Some(control))
}

/// How it is found where a request comes from, by the words and the checks of a site file.
fn addresses(args: &AdminArgs) -> Result<AddressPolicy, Failure> {
    let mut keys = json!({ "rate_limit_trusted_proxies": args.admin_trusted_proxies });
    if let Some(header) = &args.admin_forwarded_header {
        keys["rate_limit_forwarded_header"] = header.as_str().into();
    }
    let said = |problem: &Problem| {
        let is_header = problem.place().starts_with("rate_limit_forwarded_header");
        let argument = if is_header { "--admin-forwarded-header" } else { "--admin-trusted-proxies" };
        format!("{argument}: {}", problem.message())
    };
    match parse_site("admin", &keys.to_string()) {
        Ok((site, warnings)) => {
            warnings.iter().for_each(|warning| log::warn!("{}", said(warning)));
            Ok(site.addresses)
        }
        Err(errors) => {
            let lines: Vec<_> = errors.problems().iter().map(said).collect();
            Err(Failure::wrong(lines.join("\n")))
        }
    }
}

/// Whether a file beside the site files is the database's or its copy's, or one that they make for a while.
pub(crate) fn is_own(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    [DATABASE, COPY].iter().any(|own| name.starts_with(own))
}

/// The directory that the site files are in.
fn directory(source: &Source) -> PathBuf {
    let parent = |file: &Path| file.parent().map(Path::to_owned).unwrap_or_default();
    match source {
        Source::Example => PathBuf::new(),
        Source::File(file) => parent(file),
        Source::Directory(directory) => directory.clone(),
    }
}

fn owner_token() -> Result<Option<String>, Failure> {
    let Some(file) = env::var_os(TOKEN_FILE).map(PathBuf::from) else { return Ok(None) };
    let wrong =
        |fault: &dyn std::fmt::Display| Failure::wrong(format!("{TOKEN_FILE}: {}: {fault}", file.display()));
    let text = fs::read_to_string(&file).map_err(|error| wrong(&error))?;
    let token = text.trim();
    match token.chars().count() {
        _ if token.contains(char::is_whitespace) => Err(wrong(&"expected one token, without spaces in it")),
        letters if letters < LEAST => Err(wrong(&format!(
            "{letters} letters; expected a token of at least {LEAST}, so that nobody guesses it"
        ))),
        _ => Ok(Some(token.to_owned())),
    }
}
