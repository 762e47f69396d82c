# `just` lists these. ./start and ./test do without just.

[private]
default:
    @just --list

# Builds and runs everything in one process: `just run --port 9000`
run *ARGUMENTS:
    ./start {{ARGUMENTS}}

# The whole gate, as CI runs it
check:
    ./test

# Tests only, such as `just test -p store lease`
test *ARGUMENTS:
    SQLX_OFFLINE=true cargo nextest run {{ARGUMENTS}}

# Formats all Rust code
fmt:
    cargo fmt --all

# Writes .sqlx anew after a statement or a migration changed
sqlx:
    .ci/sqlx-prepare

# Licences, sources and bans of all dependencies, and dependencies that nothing uses
deny:
    .ci/install deny machete
    cargo deny --offline check bans licenses sources
    cargo machete

# The table of bench/, from a release build
bench *ARGUMENTS:
    SQLX_OFFLINE=true cargo build --release --package cli
    SQLX_OFFLINE=true cargo run --release --package bench -- {{ARGUMENTS}}

# `kill -9` at random moments of a busy minute, and what must hold afterwards: `just chaos 50 7` under another seed
chaos KILLS="50" SEED="1":
    FLOWCTL_CHAOS_KILLS={{KILLS}} FLOWCTL_CHAOS_SEED={{SEED}} SQLX_OFFLINE=true cargo nextest run --package cli --no-capture chaos::kill_9

# A release binary with PostgreSQL in it: target/release/flowctl
embedded:
    .ci/embedded-postgres
    SQLX_OFFLINE=true cargo build --release --package cli --features embedded-postgres
