//! Messages as lines for people.

use ganglion_types::proto::agreement_message::Message;

use crate::checkers::wire::{self, short};

/// A message of agreement.
pub(crate) fn message(bytes: &[u8]) -> String {
    let Some(message) = wire::message(bytes) else {
        return format!("says {} bytes of junk", bytes.len());
    };
    match message {
        Message::Vote(vote) => {
            let body = vote.body.unwrap_or_default();
            let kind = if body.r#type == 1 { "prevote" } else { "precommit" };
            let cut = if body.cut.is_empty() { "nil".into() } else { short(&body.cut) };
            let (who, epoch, round) = (short(&vote.signer), body.epoch, body.round);
            format!("says {kind} {cut} of {who}, epoch {epoch} round {round}")
        }
        Message::Proposal(proposal) => {
            let body = proposal.body.unwrap_or_default();
            let (cut, epoch, round) = (short(&body.cut), body.epoch, body.round);
            let polka = body.pol_round.checked_sub(1);
            format!("says proposal {cut}, epoch {epoch} round {round}, polka {polka:?}")
        }
        Message::Polka(polka) => format!(
            "says polka {} of {} prevotes, epoch {} round {}",
            short(&polka.cut),
            polka.signatures.len(),
            polka.epoch,
            polka.round
        ),
        Message::RoundCertificate(one) => {
            let (votes, epoch, round) = (one.votes.len(), one.epoch, one.round);
            format!("says round certificate of {votes} votes, epoch {epoch} round {round}")
        }
        Message::List(item) => format!("says list {}", short(&wire::item_id(&item))),
    }
}
