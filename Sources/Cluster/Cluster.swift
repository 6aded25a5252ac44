// Cluster: see ARCHITECTURE.md.
