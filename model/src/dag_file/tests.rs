use super::*;

pub(super) fn read(text: &str) -> Result<Parsed, Vec<Problem>> {
    parse(text, "file", &Defaults { timezone: "UTC".to_owned() })
}

#[test]
fn the_smallest_file_is_a_dag() {
    let parsed = read("tasks: [{id: a, bash: echo hi}]").unwrap();
    assert_eq!(parsed.dag.dag_id, "file");
    assert_eq!(parsed.dag.owner, "airflow");
    assert_eq!(parsed.dag.tasks.len(), 1);
}
