//! The API of a node, asked or answering, with the statuses of HTTP.

use crate::fault::code::{Area, Code, area};

area! { API "API"
    API_ADDRESS "api-address" "A text is no address of a node's API."
        "Give it like http://127.0.0.1:7880.";
    API_UNREACHABLE "api-unreachable" "No node answers at the address of the API."
        "Start a node with `ganglion run` or a whole subnet with `ganglion testnet up`, or name the API of \
         another one with --api http://HOST:PORT.";
    API_FOREIGN "api-foreign" "Something else than a node of this program answers at the address of the API."
        "Name the API of a node with --api.";
    NODE_ANSWER "node-answer" "The node answered with something that this program cannot use."
        "Ask a node of the same version with --api.";
    NODE_NOT_STARTED "node-not-started" "The node of that name has not been started yet."
        "Start it with `ganglion run`, or name another one with --api.";
    BAD_REQUEST "bad-request" "A path, query or body cannot be meant."
        "Correct it as the message says; docs/API.md has every route.";
    UNAUTHORIZED "unauthorized" "The request changes the node's state and does not show its token."
        "Name the node's api.token with --api-token-file, or run the command on the node's machine as its user \
         with --node.";
    NOT_FOUND "not-found" "There is no such route, epoch, account or the like."
        "Ask for one that is there: `ganglion epoch list`, `ganglion metagraph` and docs/API.md list them.";
    GONE "gone" "It was decided, and this node does not keep what was asked."
        "Ask an archive node, which has the items of every epoch: `ganglion peers` shows which are, and --api \
         asks one.";
    METHOD_NOT_ALLOWED "method-not-allowed" "The route does not take that method."
        "Use the method that the header Allow names.";
    TOO_LARGE "too-large" "The body of a request is too large."
        "Send less than 256 KiB at a time.";
    UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "A body does not say that it is JSON."
        "Send the header content-type: application/json.";
    WRONG_HOST "wrong-host" "The header Host names somebody else than this node."
        "Ask by IP address or as localhost.";
    REFUSED "refused" "An operation breaks a rule."
        "Correct what the message names; the same operation at /v1/ops/check says how it stands.";
    INTERNAL "internal" "The node cannot read its own data."
        "Read the node's log; `ganglion db verify` looks at all of its data once it is stopped.";
    UNAVAILABLE "unavailable" "The node is busy or stopping."
        "Try again in a moment.";
    TIMEOUT "timeout" "There was no answer in time."
        "Try again, and give it longer where the request says how long it may take.";
}
