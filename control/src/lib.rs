//! Run-time control for [`timebudget`]: what people see and change while the limiter runs.

#[doc(hidden)]
pub mod live;
