//! What peers ask of the store.

use ganglion_storage::Reader;
use ganglion_types::limits;
use ganglion_types::proto::{self, request::Request, response::Response};
use prost::Message as _;

use crate::snapshots::serve;

/// The answer to a request for items, epochs, snapshots or cuts; a refusal to any other.
#[must_use]
pub fn stored_answer(reader: &Reader, request: proto::Request) -> Response {
    match request.request {
        Some(Request::Items(asked)) => {
            let mut bytes = 0;
            let items = asked.ids.iter().take(limits::REQUEST_IDS).filter_map(|id| {
                if bytes >= limits::RESPONSE_ITEMS_BYTES {
                    return None;
                }
                let id: [u8; 32] = id.as_slice().try_into().ok()?;
                let (_, item) = reader.item(&id).ok()??;
                bytes += item.len();
                proto::Item::decode(item.as_slice()).ok()
            });
            Response::Items(proto::Items { items: items.collect() })
        }
        Some(Request::Epochs(asked)) => serve::epochs(reader, &asked),
        Some(Request::Snapshots(_)) => serve::snapshots(reader),
        Some(Request::Chunk(asked)) => serve::chunk(reader, &asked),
        Some(Request::Cuts(asked)) => serve::cuts(reader, &asked),
        _ => Response::Refused(proto::Refused { code: 1, reason: "not stored".into() }),
    }
}
