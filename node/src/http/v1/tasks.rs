//! `POST /v1/tasks`.

use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;

use ganglion_consensus::ledger::Participant;
use ganglion_types::Role;

use crate::api::types::{TaskAnswers, TaskCall};
use crate::http::guard::read_json;
use crate::http::{ApiError, BODY_BYTES_MAX, Shared};
use crate::metrics::{Task, task_ended};

const MINERS: std::ops::RangeInclusive<u16> = 1..=16;
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=60_000;
const TIMEOUT_MS_DEFAULT: u64 = 5_000;

/// Sends a task to the best miners by incentive and waits for their answers.
#[utoipa::path(
    post, path = "/tasks", operation_id = "call_task", tag = "tasks",
    request_body = TaskCall,
    responses((
        status = 200,
        description = "Answers, best miner first, and why others gave none.",
        body = TaskAnswers
    ))
)]
pub(crate) async fn call(
    State(app): Shared,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<TaskAnswers>, ApiError> {
    let call: TaskCall = read_json(&headers, body, BODY_BYTES_MAX).await?;
    let (miners, timeout_ms) =
        (call.miners.unwrap_or(1), call.timeout_ms.unwrap_or(TIMEOUT_MS_DEFAULT));
    if !MINERS.contains(&miners) {
        return Err(ApiError::bad_request("`miners` must be 1 to 16"));
    }
    if !TIMEOUT_MS.contains(&timeout_ms) {
        return Err(ApiError::bad_request("`timeout_ms` must be 100 to 60000"));
    }
    let input = call.input.to_string().into_bytes();
    // Else nobody was asked at all, and waiting longer would not help.
    let is_miner = |one: &Participant| one.role == Role::Miner;
    let began = Instant::now();
    if !app.now().state.participants().any(|(_, one)| is_miner(one)) {
        task_ended(Task::NoMiners, began.elapsed());
        return Err(ApiError::busy(
            "the subnet has no miner that could be asked; one joins with `ganglion register`",
        ));
    }
    let asked = app.context.tasks.ask(input, miners, Duration::from_millis(timeout_ms)).await;
    let answered = asked.as_ref().is_ok_and(|answers| !answers.answers.is_empty());
    task_ended(if answered { Task::Answered } else { Task::Unanswered }, began.elapsed());
    let answers = asked.map_err(ApiError::timeout)?;
    if answers.answers.is_empty() {
        return Err(nobody_answered(&answers, timeout_ms));
    }
    Ok(Json(answers))
}

fn nobody_answered(answers: &TaskAnswers, timeout_ms: u64) -> ApiError {
    let each: Vec<String> =
        answers.failures.iter().map(|one| format!("uid {}: {}", one.uid, one.reason)).collect();
    ApiError::timeout(format!(
        "none of the miners asked answered within {timeout_ms} ms ({})",
        each.join("; ")
    ))
}
