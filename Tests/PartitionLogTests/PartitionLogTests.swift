// PartitionLogTests
