//! The validator's side of the digits task: draws tasks and judges answers.

use serde_json::value::RawValue;

use super::draw;
use super::workers::{TASK, TaskInput, TaskLabel, about};
use crate::worker::WorkerInfo;
use crate::worker::protocol::{
    DrawnTask, Hello, INVALID_PARAMS, MakeTask, Response, RpcError, Score, TASKS_PER_CALL_MAX,
};
use crate::worker::serve::{Worker, raw};

/// Scores 1 for the right digit and 0 for anything else, silence included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scorer;

impl Worker for Scorer {
    fn hello(&mut self, _hello: &Hello) -> Result<WorkerInfo, RpcError> {
        Ok(about("digits-scorer"))
    }

    fn make_task(&mut self, call: &MakeTask) -> Result<Vec<DrawnTask>, RpcError> {
        let mut seed = [0; 32];
        hex::decode_to_slice(&call.seed, &mut seed)
            .map_err(|_| RpcError::new(INVALID_PARAMS, "seed must be 32 bytes in hex"))?;
        if call.n > TASKS_PER_CALL_MAX {
            let message = format!("n is at most {TASKS_PER_CALL_MAX}");
            return Err(RpcError::new(INVALID_PARAMS, message));
        }
        let drawn = |index| {
            let example = draw::task(&seed, call.round, index);
            let input = raw(&TaskInput::from(&example.image))?;
            Ok(DrawnTask { input, secret: raw(&TaskLabel { label: example.label })? })
        };
        (0..u64::from(call.n)).map(drawn).collect()
    }

    fn score(&mut self, call: &Score) -> Result<Vec<Option<f64>>, RpcError> {
        if call.task != TASK {
            return Err(RpcError::new(INVALID_PARAMS, format!("the task is {TASK}")));
        }
        let secret: TaskLabel = serde_json::from_str(call.secret.get())
            .map_err(|e| RpcError::new(INVALID_PARAMS, format!("secret: {e}")))?;
        Ok(call.responses.iter().map(|response| Some(judge(response, &secret))).collect())
    }
}

fn judge(response: &Response, secret: &TaskLabel) -> f64 {
    let label = response.output.as_deref().and_then(label);
    f64::from(u8::from(label == Some(secret.label)))
}

fn label(output: &RawValue) -> Option<u8> {
    serde_json::from_str::<TaskLabel>(output.get()).ok().map(|answer| answer.label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(uid: u16, output: Option<&str>) -> Response {
        let output = output.map(|text| RawValue::from_string(text.to_owned()).expect("JSON"));
        Response { uid, output, latency_ms: 1, error: None }
    }

    #[test]
    fn right_is_one_and_everything_else_nought() {
        let outputs = [
            (Some(r#"{"label":7}"#), 1.0),
            (Some(r#"{"label":7,"confidence":0.9}"#), 1.0),
            (Some(r#"{"label":8}"#), 0.0),
            (Some(r#"{"label":-7}"#), 0.0),
            (Some(r#"{"label":7.5}"#), 0.0),
            (Some(r#"{"label":"7"}"#), 0.0),
            (Some("7"), 0.0),
            (Some("null"), 0.0),
            (None, 0.0),
        ];
        let call = Score {
            task: TASK.into(),
            input: raw(&TaskInput::from(&[0; 64])).expect("JSON"),
            secret: raw(&TaskLabel { label: 7 }).expect("JSON"),
            responses: (0u16..).zip(outputs).map(|(uid, (text, _))| response(uid, text)).collect(),
        };
        let scores = Scorer.score(&call).expect("scores");
        let expected: Vec<_> = outputs.iter().map(|(_, score)| Some(*score)).collect();
        assert_eq!(scores, expected);
    }

    #[test]
    fn equal_calls_draw_equal_tasks_and_a_longer_one_only_adds() {
        let call = MakeTask { seed: "07".repeat(32), round: 2, n: 5 };
        let text = |tasks: &[DrawnTask]| serde_json::to_string(tasks).expect("JSON");
        let five = Scorer.make_task(&call).expect("draws");
        assert_eq!(text(&five), text(&Scorer.make_task(&call).expect("draws")));
        let ten = Scorer.make_task(&MakeTask { n: 10, ..call.clone() }).expect("draws");
        assert_eq!(text(&five), text(&ten[..5]));
        let other = Scorer.make_task(&MakeTask { round: 3, ..call }).expect("draws");
        assert_ne!(text(&five), text(&other));
    }

    #[test]
    fn bad_parameters_are_refused() {
        for (seed, n) in [("07".repeat(31), 1), ("zz".repeat(32), 1), ("07".repeat(32), 1_025)] {
            let error = Scorer.make_task(&MakeTask { seed, round: 0, n }).expect_err("refused");
            assert_eq!(error.code, INVALID_PARAMS);
        }
    }
}
