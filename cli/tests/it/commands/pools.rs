//! Pools.

use super::Site;

#[tokio::test]
async fn a_pool_is_set_listed_and_deleted() {
    let site = Site::start().await;
    site.run(&["pools", "set", "warehouse", "4", "the one database", "--rate", "10/1m"]).done();
    site.run(&["pools", "set", "warehouse", "-1"]).done();
    let listed = site.run(&["pools", "list"]).done();
    assert_eq!(
        listed,
        "default_pool\t128\t0\t0\t0\t128\t–\tOf tasks that name no pool\nwarehouse\t∞\t0\t0\t0\t∞\t10/1m\tthe one database\n"
    );
    let got = site.run(&["pools", "get", "warehouse", "-o", "json"]).done();
    assert_eq!(serde_json::from_str::<api::Pool>(&got).expect("a pool").slots, -1);
    site.run(&["pools", "set", "warehouse", "3", "--rate", "none", "--include-deferred"]).done();
    let got = site.run(&["pools", "get", "warehouse"]).done();
    assert!(got.contains("rate\t–\n") && got.contains("include_deferred\ttrue\n"), "{got}");
    site.run(&["pools", "delete", "warehouse"]).done();
    let said = site.run(&["pools", "get", "warehouse"]).refused(3);
    assert!(said.contains("no pool `warehouse`; there are `default_pool`"), "{said}");
}

#[tokio::test]
async fn what_a_pool_cannot_be_is_wrong_usage() {
    let site = Site::start().await;
    let said = site.run(&["pools", "set", "a", "1", "--rate", "often"]).refused(2);
    assert!(said.contains("`often` is not a rate; write starts and a duration, such as `10/1m`"), "{said}");
    let said = site.run(&["pools", "set", "a", "-2"]).refused(2);
    assert!(said.contains("-1 for no bound, not -2"), "{said}");
    site.run(&["pools", "delete", "default_pool"]).refused(2);
}

#[tokio::test]
async fn a_pool_that_a_dag_uses_names_it() {
    let site = Site::start().await;
    site.run(&["pools", "set", "gpu", "1"]).done();
    site.dag("train", "tasks:\n  - {id: a, bash: 'true', pool: gpu}\n").await;
    let said = site.run(&["pools", "delete", "gpu"]).refused(1);
    assert!(said.contains("pool `gpu` is used by the DAG `train`; give their tasks another pool first"), "{said}");
}

#[tokio::test]
async fn pools_move_in_a_file_and_validate_knows_them_by_it() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pools.json");
    let path = file.display().to_string();
    std::fs::write(&file, r#"{"gpu": {"slots": 2, "description": "cards"}, "api": {"slots": 8, "rate": "5/1s"}}"#)
        .expect("a file");
    assert_eq!(site.run(&["pools", "import", &path]).stderr, "2 of 2 imported\n");
    site.run(&["pools", "export", &path]).done();
    let exported = std::fs::read_to_string(&file).expect("a file");
    let exported: serde_json::Value = serde_json::from_str(&exported).expect("JSON");
    assert_eq!(
        exported["api"],
        serde_json::json!({"slots": 8, "description": null, "include_deferred": false, "rate": "5/1s"})
    );
    assert_eq!(exported["default_pool"]["slots"], 128);

    let dag = folder.path().join("train.yaml");
    std::fs::write(&dag, "tasks:\n  - {id: a, bash: 'true', pool: gpu}\n  - {id: b, bash: 'true', pool: gqu}\n")
        .expect("a file");
    let dag = dag.display().to_string();
    let said = site.run(&["validate", &dag]);
    assert_eq!((said.code, said.stdout.as_str()), (0, ""));
    assert_eq!(
        said.stderr,
        "1 of 1 files are good\nnot checked: the server needs the pools `gpu`, `gqu` (--pools checks them)\n"
    );
    let said = site.run(&["validate", &dag, "--pools", &format!("@{path}")]);
    assert_eq!((said.code, said.stderr.as_str()), (1, "0 of 1 files are good\n"));
    assert!(said.stdout.contains("there is no pool `gqu`") && said.stdout.contains(":3:33"), "{said:?}");
    assert!(said.stdout.contains("did you mean `gpu`?"), "{said:?}");
}
