//! What changed from one version of a DAG to another.

use similar::TextDiff;

/// Lines around a change that are told with it.
const CONTEXT: usize = 3;

/// A unified diff; empty when both are the same.
pub(crate) fn unified(old: (&str, &str), new: (&str, &str)) -> String {
    TextDiff::from_lines(old.1, new.1).unified_diff().context_radius(CONTEXT).header(old.0, new.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::unified;

    #[test]
    fn a_diff_tells_what_changed_with_its_surroundings_and_nothing_when_nothing_did() {
        let old = "a\nb\nc\nd\ne\nf\n";
        insta::assert_snapshot!(unified(("v1", old), ("v2", "a\nb\nc\nd\nE\nf\n")), @r"
        --- v1
        +++ v2
        @@ -2,5 +2,5 @@
         b
         c
         d
        -e
        +E
         f
        ");
        assert_eq!(unified(("v1", old), ("v2", old)), "");
    }
}
