// CommandLineOptions: see ARCHITECTURE.md.
