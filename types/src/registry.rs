//! A registry that another chain keeps: who takes part in a subnet there, with what stake and permit.
//!
//! ```text
//!   final block of the chain ──► ExternalRegistry ──digest──► named by lists and cuts
//!                                       │ with the hotkeys that signed for themselves here
//!                                       ▼
//!                                  ListedMember, one per uid
//! ```
//! Members of the committee say in operations what they read; a cut takes a snapshot that more than 1/3 of stake read alike.
//! The digest covers what the chain says and where it says it, and nothing that a node knows from elsewhere, so all
//! nodes that read one block have one digest. Rules: `docs/spec/registry.md`.

use std::collections::BTreeSet;

use crate::codec::{self, Canonical, DecodeError};
use crate::ids::{Coldkey, Digest, Hotkey, Uid};
use crate::sign::tagged_hash;
use crate::{Rao, limits, proto};

/// Which registry of another chain a subnet follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistrySource {
    /// Hash of the chain's first block.
    pub genesis: Digest,
    /// Number of the subnet there.
    pub netuid: u16,
    /// Final blocks whose height is a multiple of this are read: 1 to [`Self::EVERY_MAX`].
    pub every: u64,
}

impl RegistrySource {
    /// Blocks that nodes of subtensor keep the state of are 256, and a reader may be some behind.
    pub const EVERY_MAX: u64 = 200;

    /// Whether a snapshot is one of this registry.
    #[must_use]
    pub fn has(&self, registry: &ExternalRegistry) -> bool {
        registry.genesis() == self.genesis && registry.netuid() == self.netuid
    }

    /// Whether blocks of this height are read.
    #[must_use]
    pub fn reads(&self, height: u64) -> bool {
        height.checked_rem(self.every) == Some(0)
    }
}

/// A snapshot by the block that it was read at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExternalPoint {
    /// Height of the block.
    pub height: u64,
    /// Hash of the block.
    pub block: Digest,
    /// [`ExternalRegistry::digest`].
    pub digest: Digest,
}

/// A participant by the word of the other chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExternalMember {
    /// Its slot there, reused after it leaves.
    pub uid: Uid,
    /// Its hotkey. The chain does not say of which scheme: ed25519 and sr25519 keys look alike.
    pub hotkey: Hotkey,
    /// Who owns it.
    pub coldkey: Coldkey,
    /// What it weighs, by the chain's own rules.
    pub stake: Rao,
    /// Whether the chain lets it set weights.
    pub permit: bool,
    /// Block of the chain in which it registered.
    pub registered_at: u64,
}

/// The registry of one subnet of another chain, as it stood in one block.
///
/// Invariants, once decoded or made: at most [`limits::EXTERNAL_MEMBERS`] members, strictly rising by uid, each below
/// [`limits::UIDS`], no hotkey twice, stakes together below [`Rao::SUPPLY_MAX`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalRegistry {
    genesis: Digest,
    height: u64,
    block: Digest,
    netuid: u16,
    members: Vec<ExternalMember>,
}

/// Whether a member takes part in agreement, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It does, with its stake.
    Permitted,
    /// The chain gives it no permit, or it has no stake.
    NotPermitted,
    /// It never signed for itself with an ed25519 key, so nothing it could sign would hold here. A hotkey made as
    /// sr25519, as Bittensor's own tools do, stays in this standing.
    KeyUnproven,
}

/// A member as the subnet lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedMember {
    /// What the chain says.
    pub member: ExternalMember,
    /// What follows from it here.
    pub standing: Standing,
}

impl ListedMember {
    /// Whether it may set weights and sits in the committee.
    #[must_use]
    pub fn permit(&self) -> bool {
        self.standing == Standing::Permitted
    }
}

impl ExternalRegistry {
    /// Takes what was read at one block.
    ///
    /// # Errors
    /// Names the rule that the members break.
    pub fn new(
        genesis: Digest,
        (height, block): (u64, Digest),
        netuid: u16,
        members: Vec<ExternalMember>,
    ) -> Result<Self, DecodeError> {
        if members.len() > limits::EXTERNAL_MEMBERS {
            return Err(DecodeError::field("members", "has too many entries"));
        }
        if !members.is_sorted_by(|a, b| a.uid < b.uid) {
            return Err(DecodeError::field("members", "must be strictly rising by uid"));
        }
        if members.last().is_some_and(|last| last.uid.index() >= limits::UIDS) {
            return Err(DecodeError::field("uid", "must be below 4096"));
        }
        let hotkeys: BTreeSet<Hotkey> = members.iter().map(|member| member.hotkey).collect();
        if hotkeys.len() != members.len() {
            return Err(DecodeError::field("hotkey", "must be in no two slots"));
        }
        let total = members.iter().try_fold(Rao::ZERO, |sum, one| sum.checked_add(one.stake));
        if total.is_none_or(|total| total >= Rao::SUPPLY_MAX) {
            return Err(DecodeError::field("stake", "must be below 2^62 together"));
        }
        Ok(Self { genesis, height, block, netuid, members })
    }

    /// Hash of the chain's first block.
    #[must_use]
    pub const fn genesis(&self) -> Digest {
        self.genesis
    }

    /// Height of the block it was read at.
    #[must_use]
    pub const fn height(&self) -> u64 {
        self.height
    }

    /// Hash of that block.
    #[must_use]
    pub const fn block(&self) -> Digest {
        self.block
    }

    /// Number of the subnet on that chain.
    #[must_use]
    pub const fn netuid(&self) -> u16 {
        self.netuid
    }

    /// What the chain says of each slot, by uid.
    #[must_use]
    pub fn members(&self) -> &[ExternalMember] {
        &self.members
    }

    /// What observations and cuts name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        tagged_hash("ganglion/external-registry", &[&self.to_bytes()])
    }

    /// The block it was read at, and its digest.
    #[must_use]
    pub fn point(&self) -> ExternalPoint {
        ExternalPoint { height: self.height, block: self.block, digest: self.digest() }
    }

    /// The members as the subnet lists them. `proven` are the hotkeys of which this subnet holds a statement whose ed25519
    /// signature is their own.
    #[must_use]
    pub fn listed(&self, proven: &BTreeSet<Hotkey>) -> Vec<ListedMember> {
        let standing = |member: &ExternalMember| {
            if !member.permit || member.stake.is_zero() {
                Standing::NotPermitted
            } else if proven.contains(&member.hotkey) {
                Standing::Permitted
            } else {
                Standing::KeyUnproven
            }
        };
        let list =
            |member: &ExternalMember| ListedMember { member: *member, standing: standing(member) };
        self.members.iter().map(list).collect()
    }
}

impl Canonical for ExternalRegistry {
    type Proto = proto::ExternalRegistry;

    fn to_proto(&self) -> proto::ExternalRegistry {
        proto::ExternalRegistry {
            genesis: self.genesis.as_bytes().to_vec(),
            height: self.height,
            block: self.block.as_bytes().to_vec(),
            netuid: u32::from(self.netuid),
            members: self.members.iter().map(to_proto).collect(),
        }
    }

    fn from_proto(proto: proto::ExternalRegistry) -> Result<Self, DecodeError> {
        if proto.members.len() > limits::EXTERNAL_MEMBERS {
            return Err(DecodeError::field("members", "has too many entries"));
        }
        let members = proto.members.iter().map(from_proto).collect::<Result<_, _>>()?;
        let block = (proto.height, codec::hash32("block", &proto.block, Digest::new)?);
        let genesis = codec::hash32("genesis", &proto.genesis, Digest::new)?;
        Self::new(genesis, block, codec::u16_field("netuid", proto.netuid)?, members)
    }
}

fn to_proto(member: &ExternalMember) -> proto::ExternalMember {
    proto::ExternalMember {
        uid: u32::from(member.uid.get()),
        hotkey: member.hotkey.as_bytes().to_vec(),
        coldkey: member.coldkey.as_bytes().to_vec(),
        stake: member.stake.get(),
        permit: member.permit,
        registered_at: member.registered_at,
    }
}

fn from_proto(member: &proto::ExternalMember) -> Result<ExternalMember, DecodeError> {
    Ok(ExternalMember {
        uid: Uid::new(codec::u16_field("uid", member.uid)?),
        hotkey: codec::hash32("hotkey", &member.hotkey, Hotkey::new)?,
        coldkey: codec::hash32("coldkey", &member.coldkey, Coldkey::new)?,
        stake: Rao::new(member.stake),
        permit: member.permit,
        registered_at: member.registered_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(uid: u16, key: u8, stake: u64) -> ExternalMember {
        ExternalMember {
            uid: Uid::new(uid),
            hotkey: Hotkey::new([key; 32]),
            coldkey: Coldkey::new([key.wrapping_add(100); 32]),
            stake: Rao::new(stake),
            permit: true,
            registered_at: 7,
        }
    }

    fn registry(members: Vec<ExternalMember>) -> Result<ExternalRegistry, DecodeError> {
        ExternalRegistry::new(Digest::new([1; 32]), (90, Digest::new([2; 32])), 3, members)
    }

    #[test]
    fn only_who_signed_for_itself_is_permitted() {
        let mut idle = member(2, 12, 50);
        idle.permit = false;
        let members = vec![member(0, 10, 50), member(1, 11, 50), idle, member(3, 13, 0)];
        let proven: BTreeSet<Hotkey> = [10, 12, 13, 99].map(|key| Hotkey::new([key; 32])).into();
        let listed = registry(members.clone()).unwrap().listed(&proven);
        let standings: Vec<Standing> = listed.iter().map(|one| one.standing).collect();
        let expected = [
            Standing::Permitted,
            Standing::KeyUnproven,
            Standing::NotPermitted,
            Standing::NotPermitted,
        ];
        assert_eq!(standings, expected);
        // Nobody is left out, and what the chain says is shown as it is.
        assert!(listed.iter().map(|one| one.member).eq(members));
        assert_eq!(listed.iter().filter(|one| one.permit()).count(), 1);
    }

    #[test]
    fn the_digest_says_what_the_chain_said_and_where() {
        let base = registry(vec![member(0, 10, 50)]).unwrap();
        let mut others = vec![registry(vec![member(0, 10, 51)]).unwrap()];
        others.push(registry(vec![member(1, 10, 50)]).unwrap());
        for change in 0..4 {
            let mut other = base.clone();
            match change {
                0 => other.genesis = Digest::ZERO,
                1 => other.height = 91,
                2 => other.block = Digest::ZERO,
                _ => other.netuid = 4,
            }
            others.push(other);
        }
        assert!(others.iter().all(|other| other.digest() != base.digest()));
        let bytes = base.to_bytes();
        assert_eq!(ExternalRegistry::from_bytes(&bytes, bytes.len()).unwrap(), base);
    }

    #[test]
    fn what_no_registry_can_be_is_refused() {
        let many = (0..1_025_u16).map(|uid| ExternalMember {
            hotkey: Hotkey::new(*tagged_hash("x", &[&uid.to_be_bytes()]).as_bytes()),
            ..member(uid, 0, 1)
        });
        let half = Rao::SUPPLY_MAX.get() / 2;
        for (members, field) in [
            (vec![member(1, 10, 5), member(0, 11, 5)], "members"),
            (vec![member(1, 10, 5), member(1, 11, 5)], "members"),
            (vec![member(0, 10, 5), member(1, 10, 5)], "hotkey"),
            (vec![member(0, 10, 5), member(4_096, 11, 5)], "uid"),
            (vec![member(0, 10, half), member(1, 11, half)], "stake"),
            (vec![member(0, 10, u64::MAX), member(1, 11, 1)], "stake"),
            (many.clone().collect(), "members"),
        ] {
            match registry(members) {
                Err(DecodeError::Field { field: found, .. }) => assert_eq!(found, field),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(registry(many.take(1_024).collect()).unwrap().members().len(), 1_024);
    }
}
