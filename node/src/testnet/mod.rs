//! A whole subnet on one machine: `ganglion testnet`.
//!
//! `up` stays in the foreground and owns every node's process. Orders from other terminals reach it
//! through a socket; what it knows it reads from the nodes' HTTP interfaces, like anybody else.
//!
//! ```text
//!  spec ─► setup ─► keys, manifest, nodes/NAME/
//!                                  │
//!  up ── fleet ── process ─────────┴─► ganglion run ×N (stdin: closing it ends the node)
//!   │      ▲                                  │
//!   │   control ◄─ testnet stop|start|...     │ GET /v1/...
//!   ├─► observe ◄─────────────────────────────┘
//!   └─► table, sentences; verdict, measure ─► report
//! ```
//! Read [`spec::Spec`] first, then [`observe::Observation`], [`verdict::Evidence`] and, for what a
//! file asserts, [`assertions::Assertion`] and [`measure::Metric`].

pub mod accuracy;
pub mod assertions;
pub mod behaviour;
pub mod control;
pub mod fleet;
pub mod handout;
pub mod layout;
pub mod load;
pub mod measure;
pub mod observe;
pub mod ports;
pub mod process;
pub mod report;
pub mod screen;
pub mod setup;
pub mod spec;
pub mod table;
pub mod up;
pub mod usage;
pub mod verdict;
