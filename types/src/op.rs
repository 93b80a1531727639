//! Operations on the registry and on stake.

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Coldkey, CutId, Digest, Epoch, Hotkey, SubnetId};
use crate::manifest::Role;
use crate::sign::tagged_hash;
use crate::{Rao, proto};

/// A signed operation. Who must sign is fixed by the operation, see `docs/spec/operations.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryOp {
    /// The hotkey of a registration, the coldkey of everything else.
    pub signer: [u8; 32],
    /// The coldkey's account nonce; 0 for a registration.
    pub nonce: u64,
    /// Last epoch whose cut may hold it.
    pub valid_until: Epoch,
    /// What to do.
    pub operation: Operation,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Takes a uid for the signing hotkey, paid by proof of work.
    Register {
        /// Owner of the stake and of what the hotkey earns.
        coldkey: Coldkey,
        /// What the hotkey will do.
        role: Role,
        /// Tail of a validator's task-seed chain.
        seed_tail: Option<Digest>,
        /// A recent cut that the work is bound to.
        prev: CutId,
        /// The work.
        pow_nonce: u64,
    },
    /// Moves balance of the signing coldkey to stake on its hotkey.
    Stake {
        /// A validator hotkey of this coldkey.
        hotkey: Hotkey,
        /// How much.
        amount: Rao,
    },
    /// Moves stake back to balance.
    Unstake {
        /// A hotkey of this coldkey.
        hotkey: Hotkey,
        /// How much.
        amount: Rao,
    },
    /// Moves balance to another coldkey.
    Transfer {
        /// The receiver.
        to: Coldkey,
        /// How much.
        amount: Rao,
    },
}

impl Operation {
    /// Name for people, logs and receipts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Stake { .. } => "stake",
            Self::Unstake { .. } => "unstake",
            Self::Transfer { .. } => "transfer",
        }
    }
}

/// The digest that a registration's proof of work is judged by. All that the registration says is
/// in it, so no part can be changed without new work.
#[derive(Clone, Debug)]
pub struct PowChallenge {
    hasher: blake3::Hasher,
}

impl PowChallenge {
    /// The challenge of one registration.
    #[must_use]
    pub fn new(
        subnet: &SubnetId,
        prev: &CutId,
        hotkey: &Hotkey,
        coldkey: &Coldkey,
        role: Role,
        seed_tail: Option<&Digest>,
    ) -> Self {
        let head = tagged_hash(
            "ganglion/pow",
            &[
                subnet.as_bytes(),
                prev.as_bytes(),
                hotkey.as_bytes(),
                coldkey.as_bytes(),
                &role.number().to_be_bytes(),
                seed_tail.map_or(&[], |tail| tail.as_bytes().as_slice()),
            ],
        );
        let mut hasher = blake3::Hasher::new();
        hasher.update(head.as_bytes());
        Self { hasher }
    }

    /// `blake3(head ‖ nonce u64 BE)`.
    #[must_use]
    pub fn digest(&self, nonce: u64) -> Digest {
        let mut hasher = self.hasher.clone();
        hasher.update(&nonce.to_be_bytes());
        Digest::new(*hasher.finalize().as_bytes())
    }

    /// Whether a nonce is enough work: the digest's first 16 bytes, big-endian, are at most
    /// `(2^128 - 1) / difficulty`, so that about `difficulty` tries are needed.
    #[must_use]
    pub fn holds(&self, nonce: u64, difficulty: u64) -> bool {
        let digest = self.digest(nonce);
        let Some(head) = digest.as_bytes().first_chunk::<16>() else { return false };
        let limit = u128::MAX.checked_div(difficulty.into()).unwrap_or(u128::MAX);
        u128::from_be_bytes(*head) <= limit
    }
}

impl Canonical for RegistryOp {
    type Proto = proto::RegistryOp;

    fn to_proto(&self) -> proto::RegistryOp {
        use proto::registry_op::Op;
        let op = match &self.operation {
            Operation::Register { coldkey, role, seed_tail, prev, pow_nonce } => {
                Op::Register(proto::Register {
                    coldkey: coldkey.as_bytes().to_vec(),
                    role: role.number(),
                    seed_tail: seed_tail.map(|tail| tail.as_bytes().to_vec()).unwrap_or_default(),
                    prev: prev.as_bytes().to_vec(),
                    pow_nonce: *pow_nonce,
                })
            }
            Operation::Stake { hotkey, amount } => {
                Op::Stake(proto::Stake { hotkey: hotkey.as_bytes().to_vec(), amount: amount.get() })
            }
            Operation::Unstake { hotkey, amount } => Op::Unstake(proto::Unstake {
                hotkey: hotkey.as_bytes().to_vec(),
                amount: amount.get(),
            }),
            Operation::Transfer { to, amount } => {
                Op::Transfer(proto::Transfer { to: to.as_bytes().to_vec(), amount: amount.get() })
            }
        };
        proto::RegistryOp {
            signer: self.signer.to_vec(),
            nonce: self.nonce,
            valid_until: self.valid_until.get(),
            op: Some(op),
        }
    }

    fn from_proto(proto: proto::RegistryOp) -> Result<Self, DecodeError> {
        use proto::registry_op::Op;
        let operation = match proto.op.ok_or(DecodeError::field("op", "is missing"))? {
            Op::Register(op) => Operation::Register {
                coldkey: codec::hash32("coldkey", &op.coldkey, Coldkey::new)?,
                role: Role::from_number(op.role)?,
                seed_tail: if op.seed_tail.is_empty() {
                    None
                } else {
                    Some(codec::hash32("seed_tail", &op.seed_tail, Digest::new)?)
                },
                prev: codec::hash32("prev", &op.prev, CutId::new)?,
                pow_nonce: op.pow_nonce,
            },
            Op::Stake(op) => Operation::Stake {
                hotkey: codec::hash32("hotkey", &op.hotkey, Hotkey::new)?,
                amount: amount(op.amount)?,
            },
            Op::Unstake(op) => Operation::Unstake {
                hotkey: codec::hash32("hotkey", &op.hotkey, Hotkey::new)?,
                amount: amount(op.amount)?,
            },
            Op::Transfer(op) => Operation::Transfer {
                to: codec::hash32("to", &op.to, Coldkey::new)?,
                amount: amount(op.amount)?,
            },
        };
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, |bytes| bytes)?,
            nonce: proto.nonce,
            valid_until: Epoch::new(proto.valid_until),
            operation,
        })
    }
}

fn amount(rao: u64) -> Result<Rao, DecodeError> {
    if rao == 0 { Err(DecodeError::field("amount", "must be above 0")) } else { Ok(Rao::new(rao)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(role: Role) -> PowChallenge {
        PowChallenge::new(
            &SubnetId::new([1; 32]),
            &CutId::new([2; 32]),
            &Hotkey::new([3; 32]),
            &Coldkey::new([4; 32]),
            role,
            None,
        )
    }

    #[test]
    fn work_is_about_the_difficulty_and_bound_to_what_it_says() {
        let mut tries = Vec::new();
        let mut nonce = 0;
        while tries.len() < 64 {
            if challenge(Role::Miner).holds(nonce, 100) {
                tries.push(nonce);
            }
            nonce += 1;
        }
        assert!((3_000..13_000).contains(&nonce), "64 solutions took {nonce} tries");
        let elsewhere = tries.iter().filter(|n| challenge(Role::Validator).holds(**n, 100)).count();
        assert!(elsewhere < 8);
        assert!(challenge(Role::Miner).holds(0, 0) && challenge(Role::Miner).holds(0, 1));
    }
}
