//! With the feature `embedded-postgres`: tells the crate where the archive is that it bakes in.

use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=FLOWCTL_POSTGRES_ARCHIVE");
    if std::env::var_os("CARGO_FEATURE_EMBEDDED_POSTGRES").is_none() {
        return;
    }
    let Some(workspace) = std::env::var_os("CARGO_MANIFEST_DIR").map(|store| PathBuf::from(store).join("..")) else {
        println!("cargo::error=CARGO_MANIFEST_DIR is not set");
        return;
    };
    let architecture = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let packed = PathBuf::from("target/embedded-postgres").join(format!("{architecture}.tar.zst"));
    let archive = workspace.join(std::env::var_os("FLOWCTL_POSTGRES_ARCHIVE").map_or(packed, PathBuf::from));
    println!("cargo::rerun-if-changed={}", archive.display());
    if archive.is_file() {
        println!("cargo::rustc-env=FLOWCTL_POSTGRES_ARCHIVE_FILE={}", archive.display());
    } else {
        println!(
            "cargo::error=the feature embedded-postgres needs {}: run .ci/embedded-postgres, which makes it, or name \
             an archive of its shape in FLOWCTL_POSTGRES_ARCHIVE",
            archive.display()
        );
    }
}
