//! A cut that the user trusts.

use std::fmt;
use std::str::FromStr;

use ganglion_types::{CutId, Epoch};

/// What a node that joins by a snapshot trusts: `EPOCH:CUTID`, or `genesis`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// The synthetic cut of the manifest. Safe only while the subnet is young.
    Genesis,
    /// A cut, by epoch and id.
    Cut(Epoch, CutId),
}

impl Checkpoint {
    /// Its epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        match self {
            Self::Genesis => Epoch::GENESIS,
            Self::Cut(epoch, _) => *epoch,
        }
    }
}

impl FromStr for Checkpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be genesis, or an epoch from 1 on and a cut id in hexadecimal, as in 1280:9f0c...";
        if text == "genesis" {
            return Ok(Self::Genesis);
        }
        let (epoch, cut) = text.split_once(':').ok_or(RULE)?;
        let epoch: u64 = epoch.parse().map_err(|_| RULE)?;
        let cut = CutId::from_hex(cut).ok_or(RULE)?;
        if epoch == 0 { Err(RULE) } else { Ok(Self::Cut(Epoch::new(epoch), cut)) }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genesis => f.write_str("genesis"),
            Self::Cut(epoch, cut) => write!(f, "{epoch}:{}", cut.to_hex()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_reads_as_it_is_written() {
        let cut = Checkpoint::Cut(Epoch::new(1_280), CutId::new([0x9f; 32]));
        for checkpoint in [Checkpoint::Genesis, cut] {
            assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint));
        }
        for text in ["", "12", "12:", ":9f", "0:9f", "x:9f", "12:9f"] {
            assert!(text.parse::<Checkpoint>().is_err(), "{text}");
        }
    }
}
