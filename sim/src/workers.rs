//! Models and scorers: a task is a number, the right answer is the number.

use ganglion_subnet::{Input, Job};
use ganglion_types::Payload;

use crate::world::{Event, World};

impl World {
    pub(crate) fn work(&mut self, at: usize, job: Job) {
        let Some(node) = self.nodes.get_mut(at) else { return };
        let life = node.life;
        let (after, input) = match job {
            Job::MakeTasks { job, seed, count, .. } => {
                let digits = seed.as_bytes().iter().map(|byte| byte % 10);
                let rights: Vec<u8> =
                    digits.cycle().take(usize::try_from(count).unwrap_or(0)).collect();
                let inputs = rights.iter().map(|right| Payload::Inline(vec![*right])).collect();
                node.made.insert(job, rights);
                (30, Input::TasksMade { job, inputs })
            }
            Job::Forward { job, inputs, .. } => {
                let outputs = inputs.iter().map(|input| match input {
                    Payload::Inline(bytes) if self.random.below(100) < node.skill => {
                        Payload::Inline(bytes.clone())
                    }
                    _ => Payload::Inline(vec![99]),
                });
                let outputs = outputs.collect();
                (100, Input::Forwarded { job, outputs })
            }
            Job::Score { job, made, responses, .. } => {
                let rights = node.made.remove(&made).unwrap_or_default();
                let scores = responses.iter().map(|response| {
                    let each = response.outputs.iter().zip(&rights).map(|(output, right)| {
                        let holds = *output == Payload::Inline(vec![*right]);
                        Some(if holds { 1_000_000 } else { 0 })
                    });
                    (response.hotkey, each.collect())
                });
                let scores = scores.collect();
                (50, Input::Scored { job, scores })
            }
            Job::Feedback(_) => return,
        };
        self.push(after, Event::Input { to: at, life, input: Box::new(input) });
    }
}
