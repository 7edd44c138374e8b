//! `timebudget explain`: what becomes of a request, and why.

use actix_web::rt;
use timebudget::TimeBudget;
use timebudget::config::Environment;

use crate::args::ExplainArgs;
use crate::asked;
use crate::output::Failure;
use crate::source::Source;
use crate::{limits, output};

/// Prints which rules match a request, whose accounts they use, and what is answered where nothing has been spent yet.
///
/// # Errors
///
/// All that is wrong with the request or the configuration.
pub(crate) fn run(args: &ExplainArgs) -> Result<(), Failure> {
    let asked = asked::of(args)?;
    let read = Source::of(&args.source).read(&Environment::from_process()).map_err(Failure::wrong)?;
    limits::tell(&read);
    let budget = TimeBudget::of_config(read.loaded);
    let rehearsal = rt::System::new().block_on(budget.rehearse(&asked)).map_err(Failure::wrong)?;
    output::to_stdout(&rehearsal.to_string());
    Ok(())
}
