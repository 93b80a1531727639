//! What `GET /v1/epochs/N/explain` says.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::types::Amount;

/// How each reward of an epoch came about, in sentences.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The epoch.
    pub epoch: u64,
    /// Its cut id.
    pub cut: String,
    /// What holds for the epoch as a whole.
    pub summary: Vec<String>,
    /// By uid.
    pub rows: Vec<ExplainedRow>,
}

/// One participant's reward.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExplainedRow {
    /// Uid.
    pub uid: u16,
    /// Hotkey, SS58.
    pub hotkey: String,
    /// What it was paid.
    pub paid_rao: Amount,
    /// Why.
    pub text: String,
}

impl Explanation {
    /// All sentences, a paragraph each.
    #[must_use]
    pub fn to_text(&self) -> String {
        let rows = self.rows.iter().map(|row| &row.text);
        let paragraphs: Vec<&str> = self.summary.iter().chain(rows).map(String::as_str).collect();
        format!("{}\n", paragraphs.join("\n"))
    }
}
