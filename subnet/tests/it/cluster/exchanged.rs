//! What anti-entropy costs in bytes.

use ganglion_types::proto;

/// What anti-entropy cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exchanged {
    pub(crate) requests: usize,
    pub(crate) sums: usize,
    pub(crate) ids: usize,
    pub(crate) trades: usize,
}

impl Exchanged {
    pub(super) fn request(&mut self, request: &proto::Request) {
        use proto::request::Request;
        let bytes = prost::Message::encoded_len(request) + 4;
        match request.request.as_ref().unwrap() {
            Request::Differences(_) => {
                self.requests += 1;
                self.sums += bytes;
            }
            Request::Trade(_) => {
                self.requests += 1;
                self.trades += bytes;
            }
            _ => {}
        }
    }

    pub(super) fn response(&mut self, response: &proto::Response) {
        use proto::response::Response;
        let bytes = prost::Message::encoded_len(response) + 4;
        match response.response.as_ref().unwrap() {
            Response::Differences(told) if told.sections.is_empty() => self.sums += bytes,
            Response::Differences(_) => self.ids += bytes,
            Response::Trade(_) => self.trades += bytes,
            _ => {}
        }
    }

    /// Bytes a node sends and receives for it in an epoch, on average.
    pub(crate) fn per_node(&self, nodes: usize, epochs: usize) -> usize {
        2 * (self.sums + self.ids + self.trades) / nodes / epochs
    }
}
