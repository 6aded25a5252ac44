// PartitionLog: see ARCHITECTURE.md.
