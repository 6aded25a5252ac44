// KafkaWireTests
