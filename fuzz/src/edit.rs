//! Inputs that change a valid file a little: most of its form holds, so what lies behind is reached.

/// Applies the edits that `script` spells to `valid`: five bytes each, three of position, one of what
/// is done and one of how. What is left of the script is dropped.
#[must_use]
pub fn edited(valid: &[u8], script: &[u8]) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for edit in script.chunks_exact(5).take(64) {
        let &[a, b, c, what, value] = edit else { continue };
        if bytes.is_empty() {
            break;
        }
        let at = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(0) % bytes.len();
        let span = usize::from(value) % 64 + 1;
        match what % 6 {
            0 => bytes[at] ^= value.max(1),
            1 => bytes[at] = value,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, value),
            4 => {
                let end = (at + span).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                let end = (at + span).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_done_in_turn_and_no_script_breaks_them() {
        assert_eq!(edited(b"abc", &[0, 0, 1, 1, b'x']), b"axc");
        assert_eq!(edited(b"abc", &[0, 0, 1, 2, 0, 0, 0, 0, 3, b'y']), b"ya");
        assert_eq!(edited(b"", &[0, 0, 1, 2, 0]), b"");
        for value in 0..=255 {
            let _ = edited(b"some bytes", &[value; 400]);
        }
    }
}
