//! An error for the log: with everything that led to it.

use std::error::Error;

/// `the database cannot be read: error communicating with database: Broken pipe`. A source whose words its error
/// already ends with is not said twice.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !told.ends_with(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        next = source.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use crate::leader::LeaderError;
    use crate::ports::ReadError;

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = LeaderError::Read(ReadError("broken pipe".to_owned()));
        assert_eq!(super::with_causes(&error), "the database cannot be read: broken pipe");
    }
}
