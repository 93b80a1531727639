//! The load of a testnet's file, beside the nodes.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::testnet::fleet::Fleet;
use crate::testnet::load::{Load, LoadError, Plan, Report};
use crate::testnet::screen::Screen;

/// Where it stands.
#[derive(Debug)]
pub(super) enum Loading {
    /// The file asks for none.
    None,
    /// It begins with the first epoch.
    Waiting(Plan),
    /// It runs.
    Running(JoinHandle<Result<Report, LoadError>>),
    /// It ended, with a report or the reason why not.
    Ended(Result<Report, String>),
}

impl Loading {
    /// What the file asks for.
    pub(super) fn new(plan: Option<Plan>) -> Self {
        plan.map_or(Self::None, Self::Waiting)
    }

    /// Begins it at genesis, and notes its end.
    pub(super) async fn advance(&mut self, fleet: &Arc<Fleet>, genesis: bool, screen: &mut Screen) {
        match self {
            Self::Waiting(plan) if genesis => {
                let plan = *plan;
                let Plan { operations, epochs, seed } = plan;
                screen.note(&format!(
                    "load: {operations} operations in each of {epochs} epochs, seed {seed}"
                ));
                let (layout, state) = (fleet.layout.clone(), fleet.state());
                let work = move || Load::new(&layout, &state, plan)?.run(plan, |_| {});
                *self = Self::Running(tokio::task::spawn_blocking(work));
            }
            Self::Running(task) if task.is_finished() => {
                let ended = match task.await {
                    Ok(report) => report.map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                *self = Self::Ended(ended);
            }
            _ => {}
        }
    }

    /// Whether nothing more is to come of it.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::None | Self::Ended(_))
    }

    /// Its report; or why there is none.
    pub(super) fn report(&self) -> Result<Option<&Report>, String> {
        match self {
            Self::None => Ok(None),
            Self::Waiting(_) => Err("it never began".into()),
            Self::Running(_) => Err("it was not done when the run ended".into()),
            Self::Ended(ended) => ended.as_ref().map(Some).map_err(Clone::clone),
        }
    }
}
