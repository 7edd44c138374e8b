//! The bare app and ours. **This is the one place where the library plugs into the harness.**

use actix_web::App;

use super::task::{Task, hello};

/// The subjects of this file, the bare app first.
pub(crate) const SUBJECTS: &[&str] = &["bare"];

/// Runs the task with a subject of this file; `false` if it has none of that name.
pub(crate) fn start(subject: &str, task: Task) -> bool {
    match subject {
        "bare" => task.run(|| App::new().service(hello())),
        _ => return false,
    }
    true
}
