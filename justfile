# `kill -9` fifty times at random moments of a busy minute; `just chaos 7` under another seed.
chaos seed='1':
    FLOWCTL_CHAOS_KILLS=50 FLOWCTL_CHAOS_SEED={{seed}} SQLX_OFFLINE=true cargo nextest run -p cli --no-capture chaos::kill_9
