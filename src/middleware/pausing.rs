//! When a request's time stands still: while its client is waited for, and while its handler says so.
//!
//! A poll of the handler, or of the body that it has made, is between [`Running::enter`] and [`Running::leave`]. Whether it ended
//! waiting for the request's body is known at its end only, and what the handler has paused stays paused whatever is polled.

use crate::middleware::running::Running;

impl Running {
    pub(crate) fn waits_for_client(&self, waits: bool) {
        self.waits_for_client.set(waits);
    }

    /// Begins a poll of the handler, or of the body that it has made; says whether the client was waited for.
    #[inline(always)]
    pub(crate) fn enter(&self) -> bool {
        self.waits_for_client.set(false);
        let was_with_client = self.is_with_client.take();
        if was_with_client {
            self.come_back();
        }
        was_with_client
    }

    #[inline(never)]
    fn come_back(&self) {
        if !self.is_paused.get() {
            self.holding().resume(self.site());
        }
    }

    /// Begins a poll of the handler; says whether its budget is spent, so that it may not go on.
    #[inline(always)]
    pub(crate) fn enter_handler(&self) -> bool {
        // Whether its client has come back, the handler has to see.
        !self.enter() && self.is_spent()
    }

    /// Ends a poll that has yielded nothing.
    ///
    /// Only here can it be known that it waits for its client: a handler that asked for the request's body may have
    /// gone on to work on something else.
    pub(crate) fn leave(&self) {
        if self.waits_for_client.get() {
            self.pause();
        }
    }

    /// Ends a poll after which the client is waited for.
    pub(crate) fn pause(&self) {
        self.is_with_client.set(true);
        self.holding().pause(self.site());
    }

    /// Stops the time, also under the budgets around this one, until the handler says that it is to run on.
    pub(crate) fn pause_for_handler(&self) {
        for running in self.and_around() {
            running.is_paused.set(true);
            running.ask(|holding, site, _| holding.pause(site));
        }
    }

    /// Lets the time run again that the handler has stopped: at once, or where the client is waited for, with the next poll.
    pub(crate) fn resume_for_handler(&self) {
        for running in self.and_around().filter(|running| running.is_paused.take()) {
            if !running.is_with_client.get() {
                running.ask(|holding, site, _| holding.resume(site));
                running.runs_again();
            }
        }
    }
}
