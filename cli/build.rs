//! Lists the example DAGs of `dags/`, so that every file there is in the binary.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() {
    let folder = Path::new("../dags");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let mut list = String::from("[");
    for file in &files {
        let name = file.strip_prefix(folder).expect("it is below the folder");
        // Not where the project is now: a target folder that is moved with it, or kept by a CI, goes on being right.
        let (name, path) = (name.display().to_string(), format!("/{}", file.display()));
        let path = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?})");
        write!(list, "({name:?}, include_bytes!({path}).as_slice()),").expect("a string");
    }
    list.push(']');
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where"));
    std::fs::write(out.join("examples.rs"), list).expect("cargo's folder");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in std::fs::read_dir(folder).expect("the folder of the examples") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "__pycache__" {
            collect(&path, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}
