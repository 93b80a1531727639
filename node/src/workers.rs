//! Which worker the node runs, and when it begins to.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ganglion_types::{Manifest, Role};

use crate::config::Worker;
use crate::http::WorkerHealth;
use crate::models::{self, UnknownBuiltin};
use crate::worker::{self, WorkerHandle, WorkerSpec, WorkerState};

/// The node's worker. Without one configured, a validator runs the scorer of the manifest; a node that becomes a validator
/// while it runs begins to when it first has tasks to make.
#[derive(Clone, Debug)]
pub struct Workers {
    running: Arc<OnceLock<WorkerHandle>>,
    /// What runs if the node is a validator and nothing is configured.
    scorer: Option<Arc<WorkerSpec>>,
}

impl Workers {
    /// The worker that the settings ask for, started, or else the scorer, started if `role` is validator.
    ///
    /// `program` is the path of this binary, which built-in workers are commands of; `dir` is where a worker may keep state.
    ///
    /// # Errors
    /// The settings or the manifest name a built-in that does not exist.
    pub fn new(
        worker: &Worker,
        manifest: &Manifest,
        role: Option<Role>,
        program: &Path,
        dir: &Path,
    ) -> Result<Self, UnknownBuiltin> {
        let spec = |command, role| {
            let subnet = manifest.subnet_id().to_hex();
            let mut spec = WorkerSpec::new(command, role, &subnet, &manifest.task.task_type);
            spec.dir = Some(dir.to_owned());
            spec
        };
        let command = match worker {
            Worker::Builtin(name) => models::builtin_command(program, name)?,
            Worker::Command(command) => command.clone(),
            Worker::Auto => {
                let command = models::builtin_command(program, &manifest.task.scorer)?;
                let scorer = Some(Arc::new(spec(command, worker::Role::Validator)));
                let workers = Self { running: Arc::default(), scorer };
                let needed = role == Some(Role::Validator);
                return Ok(if needed { workers.with_scorer() } else { workers });
            }
        };
        // A command of a node without a uid serves a miner to be: validators run the manifest's scorer.
        let role = match (role, worker) {
            (Some(Role::Validator), _) => worker::Role::Validator,
            (None, Worker::Builtin(name)) => models::builtin(name)?.role,
            _ => worker::Role::Miner,
        };
        let running = OnceLock::from(WorkerHandle::spawn(spec(command, role)));
        Ok(Self { running: Arc::new(running), scorer: None })
    }

    fn with_scorer(self) -> Self {
        let _started = self.scorer();
        self
    }

    /// The worker, if one runs.
    #[must_use]
    pub fn running(&self) -> Option<&WorkerHandle> {
        self.running.get()
    }

    /// The worker that makes and scores a validator's tasks; started now if the manifest's scorer is to do it.
    #[must_use]
    pub fn scorer(&self) -> Option<&WorkerHandle> {
        match &self.scorer {
            Some(spec) => {
                Some(self.running.get_or_init(|| WorkerHandle::spawn(WorkerSpec::clone(spec))))
            }
            None => self.running(),
        }
    }

    /// How it is, for `/readyz`.
    #[must_use]
    pub fn health(&self) -> WorkerHealth {
        let Some(worker) = self.running() else { return WorkerHealth::None };
        match &*worker.state().borrow() {
            WorkerState::Starting => WorkerHealth::Starting,
            WorkerState::Ready(_) => WorkerHealth::Ready,
            WorkerState::BackOff { reason, .. } => WorkerHealth::Failing { reason: reason.clone() },
            WorkerState::Stopped => WorkerHealth::Failing { reason: "stopped".into() },
        }
    }
}
