//! The nearest known name, for hints.

/// "did you mean …?", when something near is known.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    let nearest = known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    let length = word.chars().count();
    let near_enough = nearest.0 <= (length / 3).max(1) + 1 && nearest.0 < length.max(2);
    near_enough.then(|| format!("did you mean `{}`?", nearest.1))
}
