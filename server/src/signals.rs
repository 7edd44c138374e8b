//! Signals: when to end, and when to reload.

#[cfg(unix)]
pub(crate) use on_unix::{End, on_hangup};

#[cfg(not(unix))]
pub(crate) use elsewhere::{End, on_hangup};

/// The exit status of a program that was told twice to end.
const TOLD_TWICE: i32 = 130;

impl End {
    /// Waits until the program is told to end; told once more after that, it ends at once.
    pub(crate) async fn told(mut self) {
        self.next().await;
        log::info!("ending as soon as what runs has been answered");
        tokio::spawn(async move {
            self.next().await;
            log::warn!("ending at once");
            std::process::exit(TOLD_TWICE);
        });
    }
}

#[cfg(unix)]
mod on_unix {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// The signals that end the program, received from when this is made.
    pub(crate) struct End {
        terminate: Signal,
        interrupt: Signal,
    }

    impl End {
        /// Begins to receive SIGTERM and SIGINT.
        ///
        /// # Errors
        ///
        /// The system refuses.
        pub(crate) fn receive() -> io::Result<Self> {
            let terminate = signal(SignalKind::terminate())?;
            Ok(Self { terminate, interrupt: signal(SignalKind::interrupt())? })
        }

        pub(crate) async fn next(&mut self) {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        }
    }

    /// Does something at each SIGHUP from now on.
    ///
    /// # Errors
    ///
    /// The system refuses.
    pub(crate) fn on_hangup(told: impl Fn() + Send + 'static) -> io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                told();
            }
        });
        Ok(())
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::future;
    use std::io;

    /// Ctrl-C, which is all that other systems have.
    pub(crate) struct End;

    impl End {
        /// Nothing has to be begun.
        ///
        /// # Errors
        ///
        /// None.
        pub(crate) fn receive() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn next(&mut self) {
            if tokio::signal::ctrl_c().await.is_err() {
                future::pending::<()>().await;
            }
        }
    }

    /// There is no SIGHUP; files are watched all the same.
    ///
    /// # Errors
    ///
    /// None.
    pub(crate) fn on_hangup(_told: impl Fn() + Send + 'static) -> io::Result<()> {
        Ok(())
    }
}
