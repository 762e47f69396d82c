//! A part of a DAG.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::dag::Dag;
use model::ids::TaskIndex;

/// The DAG with these tasks (or the tasks of these groups) only. Two of them stay in order when one led to the other
/// before, if only by tasks that are left out. The error is the first name that is not in the DAG.
pub(crate) fn only(dag: &Dag, names: &[String]) -> Result<Dag, String> {
    let mut chosen = BTreeSet::new();
    for name in names {
        let before = chosen.len();
        let below = format!("{name}.");
        let is_it = |task_id: &str| task_id == name || task_id.starts_with(&below);
        chosen.extend((0..dag.tasks.len()).filter(|&position| is_it(&dag.tasks[position].task_id)));
        if chosen.len() == before && !dag.tasks.iter().any(|task| is_it(&task.task_id)) {
            return Err(name.clone());
        }
    }
    let positions: Vec<usize> = chosen.iter().copied().collect();
    let tasks = positions.iter().map(|&position| {
        let mut task = dag.tasks[position].clone();
        Arc::make_mut(&mut task).upstream = nearest_chosen(dag, position, &chosen)
            .into_iter()
            .filter_map(|upstream| positions.binary_search(&upstream).ok())
            .filter_map(|position| u32::try_from(position).ok().map(TaskIndex))
            .collect();
        task
    });
    Ok(Dag { tasks: tasks.collect(), ..dag.clone() })
}

/// The chosen tasks that lead to one, directly or by tasks that are not chosen; ascending.
fn nearest_chosen(dag: &Dag, position: usize, chosen: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = dag.tasks[position].upstream.iter().map(|task| task.at()).collect();
    while let Some(at) = open.pop() {
        if !seen.insert(at) {
            continue;
        }
        if chosen.contains(&at) {
            found.insert(at);
        } else {
            open.extend(dag.tasks[at].upstream.iter().map(|task| task.at()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::only;

    fn chosen(names: &[&str]) -> Result<Vec<String>, String> {
        let text = "dag_id: d\ntasks:\n  - {id: a, empty: {}}\n  - {id: b, empty: {}, depends_on: a}\n  - group: g\n    depends_on: b\n    tasks:\n      - {id: c, empty: {}}\n  - {id: d, empty: {}, depends_on: g}\n";
        let defaults = model::dag_file::Defaults { timezone: "UTC".to_owned() };
        let dag = model::dag_file::parse(text, "d", &defaults).unwrap().dag;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let part = only(&dag, &names)?;
        let upstream = |task: &model::dag::Task| {
            task.upstream.iter().map(|index| part.task(*index).task_id.as_str()).collect::<Vec<_>>().join(",")
        };
        Ok(part.tasks.iter().map(|task| format!("{}<{}", task.task_id, upstream(task))).collect())
    }

    #[test]
    fn tasks_keep_their_order_over_what_is_left_out() {
        assert_eq!(chosen(&["d", "a"]).unwrap(), ["a<", "d<a"]);
        assert_eq!(chosen(&["g", "d"]).unwrap(), ["g.c<", "d<g.c"]);
        assert_eq!(chosen(&["c"]), Err("c".to_owned()));
    }
}
