// KafkaMessages: see ARCHITECTURE.md.
