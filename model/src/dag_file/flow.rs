//! `flow`: edges in Airflow's notation, `a >> [b, c] >> d` and `d << [b, c]`.

/// A pair of sides that an arrow joins: each of `from` comes before each of `to`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    pub(super) from: Vec<String>,
    pub(super) to: Vec<String>,
}

/// Reads one line of `flow`; an error is a sentence.
pub(super) fn arrows(line: &str) -> Result<Vec<Arrow>, String> {
    let mut rest = line.trim();
    let (mut left, mut arrows) = (None, Vec::new());
    let mut is_forward = true;
    loop {
        let (side, after) = side(rest)?;
        if let Some(left) = left.replace(side.clone()) {
            let (from, to) = if is_forward { (left, side) } else { (side, left) };
            arrows.push(Arrow { from, to });
        }
        rest = after.trim_start();
        if rest.is_empty() {
            break;
        }
        is_forward = rest.starts_with(">>");
        rest = rest
            .strip_prefix(">>")
            .or_else(|| rest.strip_prefix("<<"))
            .ok_or_else(|| format!("expected `>>` or `<<` before `{rest}` in `{line}`"))?
            .trim_start();
    }
    if arrows.is_empty() {
        Err(format!("`{line}` has no arrow; write for example `a >> [b, c] >> d`"))
    } else {
        Ok(arrows)
    }
}

/// An id or a bracketed list of ids, and what follows it.
fn side(text: &str) -> Result<(Vec<String>, &str), String> {
    if let Some(inside) = text.strip_prefix('[') {
        let (list, after) = inside.split_once(']').ok_or_else(|| format!("`{text}` lacks its `]`"))?;
        let ids = list.split(',').map(str::trim).filter(|id| !id.is_empty());
        let ids: Vec<String> = ids.map(is_id).collect::<Result<_, _>>()?;
        return if ids.is_empty() { Err("a list in `flow` is empty".to_owned()) } else { Ok((ids, after)) };
    }
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '>' | '<' | '[' | ']' | ',')).unwrap_or(text.len());
    Ok((vec![is_id(&text[..end])?], &text[end..]))
}

fn is_id(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a task id is missing beside an arrow in `flow`".to_owned()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::arrows;

    fn shown(line: &str) -> String {
        match arrows(line) {
            Ok(arrows) => arrows
                .iter()
                .map(|arrow| format!("{}>{}", arrow.from.join(","), arrow.to.join(",")))
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn arrows_chain_in_both_directions() {
        assert_eq!(shown("a >> [b, c] >> d"), "a>b,c b,c>d");
        assert_eq!(shown("a<<b"), "b>a");
        assert_eq!(shown("a >> b << c"), "a>b c>b");
        assert_eq!(shown("a b"), "error: expected `>>` or `<<` before `b` in `a b`");
        assert_eq!(shown("a >>"), "error: a task id is missing beside an arrow in `flow`");
        assert_eq!(shown("a >> [b"), "error: `[b` lacks its `]`");
        assert_eq!(shown("a"), "error: `a` has no arrow; write for example `a >> [b, c] >> d`");
    }
}
