// Broker: see ARCHITECTURE.md.
