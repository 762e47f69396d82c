//! The binary `flowctl`.

fn main() {}
