//! An amount as JSON has it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, Type};

/// An amount in rao that survives JSON readers with 53-bit numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount(pub u64);

const SAFE: u64 = 1 << 53;

impl utoipa::PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]{16,20}$"));
        let what = "rao, 10^9 of which are a unit: a number up to 2^53, text above it";
        OneOfBuilder::new()
            .item(number.maximum(Some(SAFE)))
            .item(text)
            .description(Some(what))
            .into()
    }
}

impl ToSchema for Amount {}

impl Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= SAFE {
            serializer.serialize_u64(self.0)
        } else {
            serializer.serialize_str(&self.0.to_string())
        }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(rao) => Ok(Self(rao)),
            Either::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_amounts_travel_as_text() {
        for (rao, json) in
            [(5, "5"), (SAFE, "9007199254740992"), (SAFE + 1, "\"9007199254740993\"")]
        {
            assert_eq!(serde_json::to_string(&Amount(rao)).unwrap(), json);
            assert_eq!(serde_json::from_str::<Amount>(json).unwrap(), Amount(rao));
        }
    }
}
