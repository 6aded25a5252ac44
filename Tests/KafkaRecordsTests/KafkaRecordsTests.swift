// KafkaRecordsTests
