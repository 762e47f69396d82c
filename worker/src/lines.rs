//! Cuts a stream of bytes into lines of text.

/// A line longer than this is cut in pieces, so that a stream without line ends needs no memory.
const MAX_LINE: usize = 64 * 1024;

/// Collects what was read until a line is whole. Decoding whole lines only is what keeps an emoji that two reads
/// split in one piece.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pending: Vec<u8>,
    /// How far `pending` is known to have no line end.
    scanned: usize,
}

impl Lines {
    /// Where the next bytes are read to.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        // A quiet process costs 4 KiB, a chatty one reads 64 KiB at a time.
        let more = if self.pending.capacity() == 0 { 4096 } else { MAX_LINE };
        if self.pending.capacity() - self.pending.len() < 2048 {
            self.pending.reserve(more);
        }
        &mut self.pending
    }

    /// Hands out the lines that are whole, in order; the second argument says whether a line goes on in the next piece.
    pub(crate) fn take(&mut self, mut each: impl FnMut(&[u8], bool)) {
        let mut start = 0;
        loop {
            let from = start.max(self.scanned);
            if let Some(at) = self.pending[from..].iter().position(|byte| *byte == b'\n') {
                each(without_return(&self.pending[start..from + at]), false);
                start = from + at + 1;
                self.scanned = start;
            } else if self.pending.len() - start > MAX_LINE {
                let end = start + boundary(&self.pending[start..], MAX_LINE);
                each(&self.pending[start..end], true);
                start = end;
                self.scanned = start;
            } else {
                break;
            }
        }
        self.pending.drain(..start);
        self.scanned = self.pending.len();
    }

    /// Hands out what is left when the stream has ended without a line end.
    pub(crate) fn finish(&mut self, mut each: impl FnMut(&[u8], bool)) {
        if !self.pending.is_empty() {
            each(without_return(&self.pending), false);
        }
        self.pending = Vec::new();
        self.scanned = 0;
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The greatest length of at most `limit` that does not cut a UTF-8 character.
fn boundary(bytes: &[u8], limit: usize) -> usize {
    (limit.saturating_sub(3)..=limit).rev().find(|at| bytes[*at] & 0xC0 != 0x80).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(reads: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for read in reads {
            lines.buffer().extend_from_slice(read);
            lines.take(|line, _| found.push(String::from_utf8_lossy(line).into_owned()));
        }
        lines.finish(|line, _| found.push(String::from_utf8_lossy(line).into_owned()));
        found
    }

    #[test]
    fn an_emoji_split_across_reads_stays_whole() {
        let bytes = "a🚀b\n".as_bytes();
        for cut in 1..bytes.len() {
            assert_eq!(fed(&[&bytes[..cut], &bytes[cut..]]), ["a🚀b"]);
        }
    }

    #[test]
    fn a_last_line_without_an_end_counts() {
        assert_eq!(fed(&[b"one\r\n\ntwo"]), ["one", "", "two"]);
    }

    #[test]
    fn a_very_long_line_is_cut_between_characters() {
        let text = "가".repeat(100_000);
        let pieces = fed(&[text.as_bytes()]);
        assert!(pieces.len() > 4);
        assert!(pieces.iter().all(|piece| piece.len() <= MAX_LINE && !piece.contains('\u{FFFD}')));
        assert_eq!(pieces.concat(), text);
    }
}
