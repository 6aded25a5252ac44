// Replication: see ARCHITECTURE.md.
