// KafkaRecords: see ARCHITECTURE.md.
