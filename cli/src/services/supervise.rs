//! Runs services until they are stopped.

use std::collections::HashMap;
use std::future::Future;

use anyhow::{Context, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// The services of this process.
#[derive(Debug)]
pub(crate) struct Services {
    tasks: JoinSet<anyhow::Result<()>>,
    names: HashMap<Id, &'static str>,
    stop: CancellationToken,
}

impl Services {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new(), stop: CancellationToken::new() }
    }

    /// Cancelled when the services are to stop.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Starts one. It must run until [`Self::stop`].
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        service: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let id = self.tasks.spawn(service).id();
        self.names.insert(id, name);
    }

    /// Until a signal: stops all and waits for them; a second signal ends the wait. A service that ends before,
    /// whether by an error, a panic or of its own accord, stops the others, and is the error of the whole.
    pub(crate) async fn run(mut self) -> anyhow::Result<()> {
        let mut signals = Signals::listen()?;
        let mut result = tokio::select! {
            () = signals.next() => {
                anstream::eprintln!("stopping; once more to stop at once");
                Ok(())
            }
            Some(ended) = self.tasks.join_next_with_id() => self.ended(ended).and_then(|name| {
                Err(anyhow!("the {name} ended although nobody stopped it"))
            }),
        };
        self.stop.cancel();
        loop {
            tokio::select! {
                ended = self.tasks.join_next_with_id() => match ended {
                    Some(ended) => result = result.and(self.ended(ended).map(|_| ())),
                    None => return result,
                },
                () = signals.next() => {
                    anstream::eprintln!("stopped at once; what was running is taken up at the next start");
                    self.tasks.shutdown().await;
                    return result;
                }
            }
        }
    }

    /// Which one ended, if it ended well.
    fn ended(&self, ended: Result<(Id, anyhow::Result<()>), JoinError>) -> anyhow::Result<&'static str> {
        let name = |id: &Id| self.names.get(id).copied().unwrap_or("service");
        match ended {
            Ok((id, Ok(()))) => Ok(name(&id)),
            Ok((id, Err(error))) => Err(error.context(format!("the {} failed", name(&id)))),
            Err(panic) => Err(anyhow!("the {} failed: {panic}", name(&panic.id()))),
        }
    }
}

/// Ctrl-C and SIGTERM.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be received");
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ends with the next Ctrl-C or SIGTERM.
pub(crate) async fn signalled() -> anyhow::Result<()> {
    Signals::listen()?.next().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Services;

    #[tokio::test]
    async fn a_service_that_panics_stops_the_others_and_is_the_error() {
        let mut services = Services::new();
        let stop = services.stop();
        services.spawn("web server", async move {
            stop.cancelled().await;
            Ok(())
        });
        services.spawn("scheduler", async { panic!("a bug") });
        let error = services.run().await.unwrap_err();
        assert!(error.to_string().starts_with("the scheduler failed: "), "{error}");
    }

    #[tokio::test]
    async fn a_service_that_ends_by_itself_is_an_error_that_names_it() {
        let mut services = Services::new();
        services.spawn("web server", async { Ok(()) });
        let error = services.run().await.unwrap_err();
        assert_eq!(error.to_string(), "the web server ended although nobody stopped it");
    }

    #[tokio::test]
    async fn the_first_error_is_told_with_its_cause() {
        let mut services = Services::new();
        services.spawn("scheduler", async { Err(anyhow::anyhow!("no database")) });
        let error = services.run().await.unwrap_err();
        assert_eq!(format!("{error:#}"), "the scheduler failed: no database");
    }
}
