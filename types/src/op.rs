//! Operations on the registry and on stake.

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Coldkey, CutId, Digest, Epoch, Hotkey, Signature, SubnetId};
use crate::manifest::Role;
use crate::parameters::Change;
use crate::registry::{ExternalPoint, ExternalRegistry};
use crate::sign::{self, tagged_hash};
use crate::{Rao, limits, proto};

/// A signed operation. Who must sign is fixed by the operation, see `docs/spec/operations.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryOp {
    /// The hotkey of a registration by work, of `deregister`, `serve` and what is said of another chain's registry; else a
    /// coldkey.
    pub signer: [u8; 32],
    /// The coldkey's account nonce, or that of the hotkey's tenancy; 0 for a registration by work and for what is said of
    /// another chain's registry.
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
    /// Takes a uid for a hotkey of the signing coldkey, paid out of its balance.
    BurnRegister {
        /// The newcomer.
        hotkey: Hotkey,
        /// What the hotkey will do.
        role: Role,
        /// Tail of a validator's task-seed chain.
        seed_tail: Option<Digest>,
        /// The most it may cost.
        max_price: Rao,
        /// The hotkey's word that it belongs to the coldkey, see [`consent_hash`].
        consent: Signature,
    },
    /// Gives the uid of the signing hotkey back.
    Deregister,
    /// Changes what the signing hotkey does, or gives it a new task-seed chain.
    Serve {
        /// What the hotkey will do.
        role: Role,
        /// Tail of a validator's task-seed chain.
        seed_tail: Option<Digest>,
    },
    /// Puts balance of the signing coldkey at stake behind somebody else's validator.
    Delegate {
        /// A validator hotkey of another coldkey.
        hotkey: Hotkey,
        /// How much.
        amount: Rao,
    },
    /// Takes delegated stake back.
    Undelegate {
        /// The hotkey it stands behind.
        hotkey: Hotkey,
        /// How much.
        amount: Rao,
    },
    /// Sets the share that an owner keeps of what delegated stake earns.
    SetTake {
        /// A hotkey of this coldkey.
        hotkey: Hotkey,
        /// The share, /65535.
        take: u16,
    },
    /// Gives a uid a new hotkey; everything else stays.
    RotateHotkey {
        /// The present hotkey, of this coldkey.
        from: Hotkey,
        /// The next one.
        to: Hotkey,
        /// The next hotkey's word that it belongs to the coldkey, see [`consent_hash`].
        consent: Signature,
    },
    /// Proposes new parameters of the subnet.
    Revise {
        /// The first epoch they are meant to hold in.
        effective: Epoch,
        /// What changes, strictly rising by parameter, 1 to [`limits::REVISION_CHANGES`].
        changes: Vec<Change>,
    },
    /// Agrees to a proposed revision.
    Approve {
        /// Its number.
        revision: u64,
    },
    /// Says what the signing member read of the registry that the subnet follows.
    ObserveRegistry {
        /// The snapshot.
        point: ExternalPoint,
    },
    /// Shows a snapshot that members observe.
    ProvideRegistry {
        /// The snapshot.
        registry: ExternalRegistry,
    },
}

/// What a hotkey signs, before it has a uid, to say that it belongs to a coldkey:
/// `H("ganglion/consent", subnet, coldkey, hotkey)`.
#[must_use]
pub fn consent_hash(subnet: &SubnetId, coldkey: &Coldkey, hotkey: &Hotkey) -> Digest {
    let parts: [&[u8]; 3] = [subnet.as_bytes(), coldkey.as_bytes(), hotkey.as_bytes()];
    tagged_hash("ganglion/consent", &parts)
}

impl RegistryOp {
    /// Whether the hotkey that the operation names, if any must, consented to the signing coldkey.
    /// About 45 us where there is a consent.
    #[must_use]
    pub fn has_consent(&self, subnet: &SubnetId) -> bool {
        let (hotkey, consent) = match &self.operation {
            Operation::BurnRegister { hotkey, consent, .. } => (hotkey, consent),
            Operation::RotateHotkey { to, consent, .. } => (to, consent),
            _ => return true,
        };
        let hash = consent_hash(subnet, &Coldkey::new(self.signer), hotkey);
        sign::verify(hotkey.as_bytes(), hash.as_bytes(), consent)
    }
}

impl Operation {
    /// Whether the hotkey it is about signs it, with the nonces of its tenancy.
    #[must_use]
    pub const fn is_of_hotkey(&self) -> bool {
        matches!(self, Self::Deregister | Self::Serve { .. })
    }

    /// Whether it says something of another chain's registry: signed by the hotkey of a member for one epoch, without a nonce.
    #[must_use]
    pub const fn is_of_registry(&self) -> bool {
        matches!(self, Self::ObserveRegistry { .. } | Self::ProvideRegistry { .. })
    }

    /// Name for people, logs and receipts.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Register { .. } => "register",
            Self::Stake { .. } => "stake",
            Self::Unstake { .. } => "unstake",
            Self::Transfer { .. } => "transfer",
            Self::BurnRegister { .. } => "burn_register",
            Self::Deregister => "deregister",
            Self::Serve { .. } => "serve",
            Self::Delegate { .. } => "delegate",
            Self::Undelegate { .. } => "undelegate",
            Self::SetTake { .. } => "set_take",
            Self::RotateHotkey { .. } => "rotate_hotkey",
            Self::Revise { .. } => "revise",
            Self::Approve { .. } => "approve",
            Self::ObserveRegistry { .. } => "observe_registry",
            Self::ProvideRegistry { .. } => "provide_registry",
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
        proto::RegistryOp {
            signer: self.signer.to_vec(),
            nonce: self.nonce,
            valid_until: self.valid_until.get(),
            op: Some(self.operation.to_proto()),
        }
    }

    fn from_proto(proto: proto::RegistryOp) -> Result<Self, DecodeError> {
        let op = proto.op.ok_or(DecodeError::field("op", "is missing"))?;
        Ok(Self {
            signer: codec::hash32("signer", &proto.signer, |bytes| bytes)?,
            nonce: proto.nonce,
            valid_until: Epoch::new(proto.valid_until),
            operation: Operation::from_proto(op)?,
        })
    }
}

impl Operation {
    fn to_proto(&self) -> proto::registry_op::Op {
        use proto::registry_op::Op;
        let bytes = |hotkey: &Hotkey| hotkey.as_bytes().to_vec();
        match self {
            Self::Register { coldkey, role, seed_tail, prev, pow_nonce } => {
                Op::Register(proto::Register {
                    coldkey: coldkey.as_bytes().to_vec(),
                    role: role.number(),
                    seed_tail: optional_bytes(seed_tail.as_ref()),
                    prev: prev.as_bytes().to_vec(),
                    pow_nonce: *pow_nonce,
                })
            }
            Self::BurnRegister { hotkey, role, seed_tail, max_price, consent } => {
                Op::BurnRegister(proto::BurnRegister {
                    hotkey: bytes(hotkey),
                    role: role.number(),
                    seed_tail: optional_bytes(seed_tail.as_ref()),
                    max_price: max_price.get(),
                    consent: consent.as_bytes().to_vec(),
                })
            }
            Self::Deregister => Op::Deregister(proto::Deregister {}),
            Self::Serve { role, seed_tail } => Op::Serve(proto::Serve {
                role: role.number(),
                seed_tail: optional_bytes(seed_tail.as_ref()),
            }),
            Self::SetTake { hotkey, take } => {
                Op::SetTake(proto::SetTake { hotkey: bytes(hotkey), take: (*take).into() })
            }
            Self::RotateHotkey { from, to, consent } => Op::RotateHotkey(proto::RotateHotkey {
                from: bytes(from),
                to: bytes(to),
                consent: consent.as_bytes().to_vec(),
            }),
            Self::Revise { effective, changes } => Op::Revise(proto::Revise {
                effective: effective.get(),
                changes: changes.iter().map(Change::to_proto).collect(),
            }),
            Self::Approve { revision } => Op::Approve(proto::Approve { revision: *revision }),
            Self::ObserveRegistry { point } => Op::ObserveRegistry(proto::ObserveRegistry {
                height: point.height,
                block: point.block.as_bytes().to_vec(),
                digest: point.digest.as_bytes().to_vec(),
            }),
            Self::ProvideRegistry { registry } => {
                Op::ProvideRegistry(proto::ProvideRegistry { registry: Some(registry.to_proto()) })
            }
            Self::Stake { hotkey, amount } => {
                Op::Stake(proto::Stake { hotkey: bytes(hotkey), amount: amount.get() })
            }
            Self::Unstake { hotkey, amount } => {
                Op::Unstake(proto::Unstake { hotkey: bytes(hotkey), amount: amount.get() })
            }
            Self::Delegate { hotkey, amount } => {
                Op::Delegate(proto::Delegate { hotkey: bytes(hotkey), amount: amount.get() })
            }
            Self::Undelegate { hotkey, amount } => {
                Op::Undelegate(proto::Undelegate { hotkey: bytes(hotkey), amount: amount.get() })
            }
            Self::Transfer { to, amount } => {
                Op::Transfer(proto::Transfer { to: to.as_bytes().to_vec(), amount: amount.get() })
            }
        }
    }

    fn from_proto(op: proto::registry_op::Op) -> Result<Self, DecodeError> {
        use proto::registry_op::Op;
        let hotkey = |field, bytes: &[u8]| codec::hash32(field, bytes, Hotkey::new);
        Ok(match op {
            Op::Register(op) => Self::Register {
                coldkey: codec::hash32("coldkey", &op.coldkey, Coldkey::new)?,
                role: Role::from_number(op.role)?,
                seed_tail: optional_digest(&op.seed_tail)?,
                prev: codec::hash32("prev", &op.prev, CutId::new)?,
                pow_nonce: op.pow_nonce,
            },
            Op::Stake(op) => {
                Self::Stake { hotkey: hotkey("hotkey", &op.hotkey)?, amount: amount(op.amount)? }
            }
            Op::Unstake(op) => {
                Self::Unstake { hotkey: hotkey("hotkey", &op.hotkey)?, amount: amount(op.amount)? }
            }
            Op::Transfer(op) => Self::Transfer {
                to: codec::hash32("to", &op.to, Coldkey::new)?,
                amount: amount(op.amount)?,
            },
            Op::BurnRegister(op) => Self::BurnRegister {
                hotkey: hotkey("hotkey", &op.hotkey)?,
                role: Role::from_number(op.role)?,
                seed_tail: optional_digest(&op.seed_tail)?,
                max_price: Rao::new(op.max_price),
                consent: consent(&op.consent)?,
            },
            Op::Deregister(proto::Deregister {}) => Self::Deregister,
            Op::Serve(op) => Self::Serve {
                role: Role::from_number(op.role)?,
                seed_tail: optional_digest(&op.seed_tail)?,
            },
            Op::Delegate(op) => {
                Self::Delegate { hotkey: hotkey("hotkey", &op.hotkey)?, amount: amount(op.amount)? }
            }
            Op::Undelegate(op) => Self::Undelegate {
                hotkey: hotkey("hotkey", &op.hotkey)?,
                amount: amount(op.amount)?,
            },
            Op::SetTake(op) => Self::SetTake {
                hotkey: hotkey("hotkey", &op.hotkey)?,
                take: codec::u16_field("take", op.take)?,
            },
            Op::RotateHotkey(op) => Self::RotateHotkey {
                from: hotkey("from", &op.from)?,
                to: hotkey("to", &op.to)?,
                consent: consent(&op.consent)?,
            },
            Op::Revise(op) => {
                Self::Revise { effective: Epoch::new(op.effective), changes: changes(&op.changes)? }
            }
            Op::Approve(op) => Self::Approve { revision: op.revision },
            Op::ObserveRegistry(op) => {
                let height = op.height;
                let block = codec::hash32("block", &op.block, Digest::new)?;
                let digest = codec::hash32("digest", &op.digest, Digest::new)?;
                Self::ObserveRegistry { point: ExternalPoint { height, block, digest } }
            }
            Op::ProvideRegistry(op) => {
                let registry = op.registry.ok_or(DecodeError::field("registry", "is missing"))?;
                Self::ProvideRegistry { registry: ExternalRegistry::from_proto(registry)? }
            }
        })
    }
}

fn optional_bytes(digest: Option<&Digest>) -> Vec<u8> {
    digest.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default()
}

fn optional_digest(bytes: &[u8]) -> Result<Option<Digest>, DecodeError> {
    if bytes.is_empty() {
        Ok(None)
    } else {
        codec::hash32("seed_tail", bytes, Digest::new).map(Some)
    }
}

fn consent(bytes: &[u8]) -> Result<Signature, DecodeError> {
    Signature::from_slice(bytes).ok_or(DecodeError::field("consent", "must be 64 bytes"))
}

fn changes(changes: &[proto::Change]) -> Result<Vec<Change>, DecodeError> {
    let changes: Vec<Change> = changes.iter().map(Change::from_proto).collect();
    if !(1..=limits::REVISION_CHANGES).contains(&changes.len()) {
        return Err(DecodeError::field("changes", "must be 1 to 32"));
    }
    if !changes.is_sorted_by(|a, b| a.parameter < b.parameter) {
        return Err(DecodeError::field("changes", "must be strictly rising by parameter"));
    }
    Ok(changes)
}

fn amount(rao: u64) -> Result<Rao, DecodeError> {
    if rao == 0 { Err(DecodeError::field("amount", "must be above 0")) } else { Ok(Rao::new(rao)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Uid;
    use crate::registry::ExternalMember;

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

    fn op(operation: Operation) -> RegistryOp {
        RegistryOp { signer: [9; 32], nonce: 3, valid_until: Epoch::new(40), operation }
    }

    /// One of each, with every field away from its default.
    fn every_operation() -> Vec<Operation> {
        let (hotkey, amount) = (Hotkey::new([1; 32]), Rao::new(5));
        let (to, consent) = (Hotkey::new([2; 32]), Signature::new([7; 64]));
        let seed_tail = Some(Digest::new([3; 32]));
        let change = |parameter| Change { parameter, value: 9 };
        vec![
            Operation::Register {
                coldkey: Coldkey::new([4; 32]),
                role: Role::Validator,
                seed_tail,
                prev: CutId::new([5; 32]),
                pow_nonce: 6,
            },
            Operation::Stake { hotkey, amount },
            Operation::Unstake { hotkey, amount },
            Operation::Transfer { to: Coldkey::new([4; 32]), amount },
            Operation::BurnRegister {
                hotkey,
                role: Role::Miner,
                seed_tail: None,
                max_price: amount,
                consent,
            },
            Operation::Deregister,
            Operation::Serve { role: Role::Validator, seed_tail },
            Operation::Delegate { hotkey, amount },
            Operation::Undelegate { hotkey, amount },
            Operation::SetTake { hotkey, take: 11_796 },
            Operation::RotateHotkey { from: hotkey, to, consent },
            Operation::Revise { effective: Epoch::new(8), changes: vec![change(2), change(4)] },
            Operation::Approve { revision: 1 },
            Operation::ObserveRegistry { point: snapshot().point() },
            Operation::ProvideRegistry { registry: snapshot() },
        ]
    }

    fn snapshot() -> ExternalRegistry {
        let member = ExternalMember {
            uid: Uid::new(3),
            hotkey: Hotkey::new([1; 32]),
            coldkey: Coldkey::new([4; 32]),
            stake: Rao::new(5),
            permit: true,
            registered_at: 7,
        };
        let place = (700, Digest::new([8; 32]));
        ExternalRegistry::new(Digest::new([9; 32]), place, 11, vec![member]).unwrap()
    }

    #[test]
    fn every_operation_round_trips_and_has_a_name_of_its_own() {
        let mut names = std::collections::BTreeSet::new();
        for operation in every_operation() {
            let op = op(operation);
            assert!(names.insert(op.operation.name()));
            assert_eq!(RegistryOp::from_bytes(&op.to_bytes(), 4_096), Ok(op));
        }
        assert_eq!(names.len(), 15);
    }

    #[test]
    fn no_change_out_of_order_or_number_decodes() {
        let effective = Epoch::new(8);
        let refused = |parameters: &[u32]| {
            let changes =
                parameters.iter().map(|number| Change { parameter: *number, value: 1 }).collect();
            let bytes = op(Operation::Revise { effective, changes }).to_bytes();
            RegistryOp::from_bytes(&bytes, 4_096).is_err()
        };
        let many: Vec<u32> = (1..=33).collect();
        assert!(refused(&[]) && refused(&[2, 2]) && refused(&[4, 2]) && refused(&many));
        assert!(!refused(&[2]) && !refused(&many[..32]));
    }

    #[test]
    fn a_consent_binds_subnet_coldkey_and_hotkey() {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let (subnet, hotkey) = (SubnetId::new([1; 32]), sign::hotkey_of(&key));
        let hash = consent_hash(&subnet, &Coldkey::new([9; 32]), &hotkey);
        let consent = sign::sign(&key, hash.as_bytes());
        let rotation = |to| op(Operation::RotateHotkey { from: Hotkey::default(), to, consent });
        assert!(rotation(hotkey).has_consent(&subnet));
        assert!(!rotation(hotkey).has_consent(&SubnetId::new([2; 32])));
        assert!(!RegistryOp { signer: [8; 32], ..rotation(hotkey) }.has_consent(&subnet));
        let other = sign::hotkey_of(&ed25519_dalek::SigningKey::from_bytes(&[8; 32]));
        assert!(!rotation(other).has_consent(&subnet));
        assert!(op(Operation::Deregister).has_consent(&subnet));
    }
}
