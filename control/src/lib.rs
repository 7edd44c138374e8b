//! Run-time control for [`timebudget`]: what people see and change while the limiter runs.

// The scope of the API mounts them.
#[allow(dead_code, reason = "mounted by the scope of the API")]
mod pages;
