// see ARCHITECTURE.md.
