//! Mappings, over plain values.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::dag::TaskGroup;
use crate::operator::Operator;

fn product(values: &Value) -> Expand {
    Expand::Product(map(values))
}

fn map(values: &Value) -> IndexMap<String, Value> {
    values.as_object().unwrap().clone().into_iter().collect()
}

fn elements(expand: &Expand) -> Vec<String> {
    let expansion = Expansion::new(expand, expand.values().clone(), 1024).unwrap();
    (0..expansion.length()).map(|index| Value::from(expansion.element(index)).to_string()).collect()
}

#[test]
fn the_last_key_of_a_cross_product_varies_fastest() {
    assert_eq!(
        elements(&product(&json!({"city": ["seoul", "busan"], "model": ["als", "bpr"]}))),
        [
            r#"{"city":"seoul","model":"als"}"#,
            r#"{"city":"seoul","model":"bpr"}"#,
            r#"{"city":"busan","model":"als"}"#,
            r#"{"city":"busan","model":"bpr"}"#,
        ]
    );
    assert!(elements(&product(&json!({"city": [], "model": ["als"]}))).is_empty());
}

#[test]
fn a_zip_pairs_its_lists() {
    assert_eq!(
        elements(&Expand::Zip(map(&json!({"city": ["seoul", "busan"], "day": [1, 2]})))),
        [r#"{"city":"seoul","day":1}"#, r#"{"city":"busan","day":2}"#]
    );
}

#[test]
fn what_is_wrong_with_the_values_is_said() {
    let wrong = |expand: &Expand| Expansion::new(expand, expand.values().clone(), 3).unwrap_err();
    assert_eq!(wrong(&product(&json!({"city": "seoul"}))), "`expand.city` must be a list, not a text");
    assert_eq!(wrong(&product(&json!({"city": null}))), "`expand.city` must be a list, not null");
    assert_eq!(
        wrong(&product(&json!({"a": [1, 2], "b": [1, 2]}))),
        "`expand` has 4 elements, more than 3 (core.max_map_length)"
    );
    assert_eq!(
        wrong(&Expand::Zip(map(&json!({"a": [1, 2], "b": [1]})))),
        "`expand_zip` pairs lists of one length, but `a` has 2, `b` has 1"
    );
}

/// `list` is not mapped; `g` is mapped and holds `one`, and `two`, which is mapped itself; `other` is mapped alone.
fn dag() -> Dag {
    let expand = || Some(product(&json!({"x": [1]})));
    let task = |id: &str| Task::new(id, Operator::Empty);
    let inside = |id: &str| Task { group: Some("g".to_owned()), ..task(id) };
    let tasks = [
        task("list"),
        inside("g.one"),
        Task { expand: expand(), ..inside("g.two") },
        Task { expand: expand(), ..task("other") },
    ];
    let mut dag = Dag::new("d", tasks.into_iter().map(Arc::new).collect());
    dag.groups = vec![TaskGroup { group_id: "g".to_owned(), parent: None, tooltip: None, expand: expand() }];
    dag
}

#[test]
fn instances_see_those_of_the_same_element_of_what_they_share() {
    let dag = dag();
    let lengths: Lengths = [("g", 2), ("g.two", 3), ("other", 4)].map(|(id, length)| (id.to_owned(), length)).into();
    let seen = |reader: usize, map_index: i32, task: usize| {
        seen(&dag, &dag.tasks[reader], map_index, &dag.tasks[task], &lengths)
    };
    let (list, one, two, other) = (0, 1, 2, 3);
    let all = Elements::Range(0, i32::MAX);
    assert_eq!(seen(one, 1, list), Elements::One(-1));
    assert_eq!(seen(list, -1, one), all);
    assert_eq!(seen(other, 1, one), all);
    assert_eq!(seen(one, 1, other), all);
    assert_eq!(seen(one, 1, two), Elements::Range(3, 6));
    assert_eq!(seen(two, 4, one), Elements::One(1));
    assert_eq!(seen(two, 4, two), Elements::One(4));
}

#[test]
fn what_follows_an_element_is_of_the_same_element_and_all_of_what_is_outside() {
    use crate::ids::TaskIndex;
    let mut dag = dag();
    let after = |task: &mut Arc<Task>, upstream: u32| Arc::make_mut(task).upstream = vec![TaskIndex(upstream)];
    after(&mut dag.tasks[2], 1);
    after(&mut dag.tasks[3], 2);
    let found = reach(&dag, &[0, 2, 6, 4], &[(TaskIndex(1), Some(1))], &dag.downstream());
    let elements = |elements: &[i32]| Reached::Elements(elements.iter().copied().collect());
    assert_eq!(found, [(TaskIndex(2), elements(&[3, 4, 5])), (TaskIndex(3), Reached::All)].into());
    let upstream: Vec<_> = dag.tasks.iter().map(|task| task.upstream.clone()).collect();
    let found = reach(&dag, &[0, 2, 6, 4], &[(TaskIndex(2), Some(4))], &upstream);
    assert_eq!(found, [(TaskIndex(1), elements(&[1]))].into());
    let found = reach(&dag, &[0, 2, 6, 4], &[(TaskIndex(1), None)], &dag.downstream());
    assert_eq!(found, [(TaskIndex(2), Reached::All), (TaskIndex(3), Reached::All)].into());
}
