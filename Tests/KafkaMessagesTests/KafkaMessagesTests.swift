// KafkaMessagesTests
