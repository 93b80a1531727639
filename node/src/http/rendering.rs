//! A text that is costly to make, made once for all who wait for it.

use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Makes a text at most once in a while, and never gives one that is older than the question.
///
/// Whoever asks in the meantime waits, and all who wait have the same one.
#[derive(Debug)]
pub(super) struct Rendering {
    pause: Duration,
    last: Mutex<Option<Made>>,
}

#[derive(Debug)]
struct Made {
    began: Instant,
    ended: Instant,
    text: Bytes,
}

impl Rendering {
    /// With so much time between the end of one and the beginning of the next.
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, last: Mutex::new(None) }
    }

    /// What `make` gives, or gave for another who waits.
    pub(super) async fn get(&self, make: impl FnOnce() -> String) -> Bytes {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some(made) = &*last {
            if made.began >= asked {
                return made.text.clone();
            }
            sleep_until(made.ended + self.pause).await;
        }
        let began = Instant::now();
        let text = Bytes::from(make());
        *last = Some(Made { began, ended: Instant::now(), text: text.clone() });
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const PAUSE: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn all_who_wait_have_one_text_that_is_not_older_than_their_question() {
        let (rendering, made) = (Rendering::new(PAUSE), AtomicUsize::new(0));
        let ask = || rendering.get(|| (made.fetch_add(1, Ordering::SeqCst) + 1).to_string());
        assert_eq!(ask().await, "1");
        let began = Instant::now();
        let together: Vec<_> = (0..400).map(|_| ask()).collect();
        for text in futures::future::join_all(together).await {
            assert_eq!(text, "2");
        }
        assert!(began.elapsed() >= PAUSE);
        assert_eq!(ask().await, "3");
    }

    #[tokio::test]
    async fn one_who_goes_away_leaves_the_others_theirs() {
        let (rendering, made) = (Rendering::new(PAUSE), AtomicUsize::new(0));
        let ask = || rendering.get(|| (made.fetch_add(1, Ordering::SeqCst) + 1).to_string());
        assert_eq!(ask().await, "1");
        let impatient = tokio::time::timeout(PAUSE / 2, ask());
        let (gone, text) = futures::future::join(impatient, ask()).await;
        assert!(gone.is_err());
        assert_eq!(text, "2");
    }
}
