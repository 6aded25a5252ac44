// Groups: see ARCHITECTURE.md.
