//! Orders to a running testnet from other terminals.
//!
//! One connection to a Unix socket is one order: a JSON line there, then JSON lines back, any number
//! of notes and one end. Who may connect is who may enter the testnet's private directory.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::layout::Layout;
use crate::fault::{Code, Curable, Fault};
use crate::files;

/// Bytes of one line, either way; a status of 100 nodes is far below.
const LINE_BYTES_MAX: u64 = 32 << 20;
/// A client that connects and asks nothing is not waited for.
const ASK: Duration = Duration::from_secs(5);

/// An order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Order {
    /// Tell what is known.
    Status,
    /// Stop a node.
    Stop {
        /// Its name.
        name: String,
        /// At once, as a crash would.
        kill: bool,
    },
    /// Start a stopped node again.
    Start {
        /// Its name.
        name: String,
    },
    /// Add a miner with a program of its own.
    AddMiner {
        /// The program and its arguments.
        command: Vec<String>,
        /// Its name; a free one by default.
        name: Option<String>,
    },
    /// End the testnet.
    Down,
}

/// One line of the answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// It goes on; for people.
    Note(String),
    /// Done.
    Done(Value),
    /// Not done.
    Failed {
        /// Why.
        sentence: String,
        /// What to do.
        cure: Option<String>,
        /// Whether the one who ordered has to change something.
        input: bool,
    },
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No testnet runs there.
    #[error("no testnet runs in {dir}")]
    NotRunning {
        /// The directory.
        dir: String,
    },
    /// It said no.
    #[error("{sentence}")]
    Refused {
        /// Why.
        sentence: String,
        /// What to do.
        cure: Option<String>,
        /// Whether the one who ordered has to change something.
        input: bool,
    },
    /// It went away, or is of another version.
    #[error("the testnet in {dir} gave no answer: {reason}")]
    Broken {
        /// The directory.
        dir: String,
        /// What happened.
        reason: String,
    },
}

impl Curable for ControlError {
    fn code(&self) -> Code {
        match self {
            Self::NotRunning { .. } => Code::TESTNET_NOT_RUNNING,
            Self::Refused { .. } => Code::TESTNET_REFUSED,
            Self::Broken { .. } => Code::TESTNET_BROKEN,
        }
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Refused { input: true, .. } => Fault::Input,
            Self::NotRunning { .. } | Self::Refused { .. } => Fault::Check,
            Self::Broken { .. } => Fault::Environment,
        }
    }

    fn cure(&self) -> String {
        match self {
            Self::Refused { cure: Some(cure), .. } => cure.clone(),
            _ => self.code().cure().into(),
        }
    }
}

/// Gives an order and waits for its end; `note` gets what is said on the way.
///
/// # Errors
/// See [`ControlError`].
pub async fn give(
    layout: &Layout,
    order: &Order,
    mut note: impl FnMut(&str),
) -> Result<Value, ControlError> {
    let dir = layout.dir().display().to_string();
    let Ok(stream) = UnixStream::connect(layout.socket()).await else {
        return Err(ControlError::NotRunning { dir });
    };
    let broken = |reason: String| ControlError::Broken { dir: dir.clone(), reason };
    let (read, mut write) = stream.into_split();
    let text = serde_json::to_string(order).expect("plain data is JSON") + "\n";
    write.write_all(text.as_bytes()).await.map_err(|error| broken(error.to_string()))?;
    let mut lines = BufReader::new(read.take(LINE_BYTES_MAX)).lines();
    loop {
        let line = lines.next_line().await.map_err(|error| broken(error.to_string()))?;
        let line = line.ok_or_else(|| broken("it ended before the order was done".into()))?;
        match serde_json::from_str(&line).map_err(|error| broken(error.to_string()))? {
            Line::Note(text) => note(&text),
            Line::Done(value) => return Ok(value),
            Line::Failed { sentence, cure, input } => {
                return Err(ControlError::Refused { sentence, cure, input });
            }
        }
    }
}

/// Begins to take orders. Call while holding the directory's lock: a socket that is left there is of
/// a testnet that was killed.
///
/// # Errors
/// When the socket cannot be made.
pub fn listen(layout: &Layout) -> io::Result<UnixListener> {
    let path = layout.socket();
    if let Some(parent) = path.parent() {
        files::create_private_dir(parent).map_err(io::Error::other)?;
    }
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => UnixListener::bind(path),
    }
}

/// The other side of one connection.
#[derive(Debug)]
pub struct Orderer(UnixStream);

impl Orderer {
    /// Reads the order of a new connection.
    ///
    /// # Errors
    /// When none comes, or it is none.
    pub async fn meet(mut stream: UnixStream) -> io::Result<(Self, Order)> {
        let mut line = String::new();
        let read =
            async { BufReader::new((&mut stream).take(64 << 10)).read_line(&mut line).await };
        tokio::time::timeout(ASK, read).await??;
        let order = serde_json::from_str(&line)?;
        Ok((Self(stream), order))
    }

    /// Says one line. An orderer who went away is no failure: the order stands.
    pub async fn say(&mut self, line: &Line) {
        let text = serde_json::to_string(line).expect("plain data is JSON") + "\n";
        let _ = self.0.write_all(text.as_bytes()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_order_is_answered_with_notes_and_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::new(dir.path()).unwrap();
        let order = Order::Stop { name: "v1".into(), kill: true };
        let refused = give(&layout, &order, |_| {}).await.unwrap_err();
        assert!(matches!(refused, ControlError::NotRunning { .. }), "{refused}");

        let listener = listen(&layout).unwrap();
        let expected = order.clone();
        let server = tokio::spawn(async move {
            for end in [
                Line::Done(1.into()),
                Line::Failed { sentence: "no".into(), cure: None, input: true },
            ] {
                let (stream, _) = listener.accept().await.unwrap();
                let (mut orderer, order) = Orderer::meet(stream).await.unwrap();
                assert_eq!(order, expected);
                orderer.say(&Line::Note("on my way".into())).await;
                orderer.say(&end).await;
            }
        });
        let mut notes = Vec::new();
        let done = give(&layout, &order, |note| notes.push(note.to_owned())).await.unwrap();
        assert_eq!((done, notes), (Value::from(1), vec!["on my way".to_owned()]));
        let refused = give(&layout, &order, |_| {}).await.unwrap_err();
        assert_eq!((refused.to_string(), refused.fault()), ("no".to_owned(), Fault::Input));
        server.await.unwrap();
        // The socket file stays and nobody listens: that is no testnet either.
        assert!(matches!(
            give(&layout, &order, |_| {}).await,
            Err(ControlError::NotRunning { .. })
        ));
        listen(&layout).unwrap();
    }
}
