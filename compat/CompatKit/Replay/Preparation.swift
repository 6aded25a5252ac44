internal import KafkaSchema

/// Puts on a fresh broker what a conversation's `setup` says, over the wire, and waits until the broker acts by it: what it has
/// acknowledged its parts learn one after the other.
struct Preparation {
    let client: KafkaClient
    /// A further connection, on which nobody has logged in yet; nil where the broker asks for no SASL.
    let connectForLogin: (() throws -> KafkaClient)?

    /// How long a broker may take to lead a new partition, load a coordinator or know a new user.
    private static let settleMs = 30_000

    init(_ client: KafkaClient, connectForLogin: (() throws -> KafkaClient)? = nil) {
        self.client = client
        self.connectForLogin = connectForLogin
    }

    func run(_ conversation: Conversation) throws {
        let steps = conversation.setup
        guard !steps.isEmpty else { return }
        for step in steps {
            if let topic = step["topic"]?.string {
                if let batches = step["records"]?.elements {
                    for batch in batches { try produce(batch, to: topic) }
                } else {
                    try createTopic(topic, step)
                }
            } else if let coordinators = step["coordinators"]?.elements {
                for coordinator in coordinators { try awaitCoordinator(coordinator.string ?? "") }
            } else if let users = step["scram_users"]?.elements {
                for user in users { try createUser(user) }
            } else if let acls = step["acls"]?.elements {
                for acl in acls { try createAcl(acl) }
            } else {
                throw KafkaClient.Failure(api: "setup", reason: "unknown step \(step.text.prefix(80))")
            }
        }
    }

    /// Errors of a broker that is not ready yet, or has not yet led a new partition.
    private static let passing: Set<Int64> = [3, 5, 6, 14, 15, 16]

    /// Asks again until it is answered without an error that passes, or for too long. The error that came last; 0 for none.
    func settle(_ api: String, _ ask: () throws -> Int64) throws -> Int64 {
        let deadline = Deadline.after(milliseconds: Self.settleMs)
        while true {
            let code = try ask()
            if !Self.passing.contains(code) { return code }
            guard deadline.remainingMs > 0 else {
                throw KafkaClient.Failure(api: api, reason: "error \(code) for \(Self.settleMs) ms")
            }
            pause(milliseconds: 20)
        }
    }

    func succeed(_ api: String, _ ask: () throws -> Int64) throws {
        let code = try settle(api, ask)
        if code != 0 { throw KafkaClient.Failure(api: api, reason: "error \(code)") }
    }

    private func createTopic(_ topic: String, _ step: JSONValue) throws {
        let configs = (step["configs"]?.members ?? []).map { key, value in
            JSONValue.object([("name", .string(key)), ("value", value)])
        }
        let answer = try client.call(
            "CreateTopics", version: 4,
            .object([
                (
                    "topics",
                    .array([
                        .object([
                            ("name", .string(topic)), ("numPartitions", step["partitions"] ?? .integer(1)),
                            ("replicationFactor", .integer(1)), ("configs", .array(configs)),
                        ])
                    ])
                ),
                ("timeoutMs", .integer(20_000)),
            ]))
        for result in answer["topics"]?.elements ?? [] { try KafkaClient.check(result, "CreateTopics \(topic)") }
        try succeed("Metadata of \(topic)") {
            let answer = try client.call(
                "Metadata", version: 8,
                .object([
                    ("topics", .array([.object([("name", .string(topic))])])), ("allowAutoTopicCreation", .bool(false)),
                ]))
            let topics = answer["topics"]?.elements ?? []
            let codes = topics.flatMap { [$0] + ($0["partitions"]?.elements ?? []) }.map {
                $0["errorCode"]?.integer ?? -1
            }
            return topics.isEmpty ? 3 : codes.first { $0 != 0 } ?? 0
        }
        try awaitLeaders(of: topic, partitions: step["partitions"]?.integer ?? 1)
    }

    /// A broker names itself as the leader in its metadata before it leads.
    private func awaitLeaders(of topic: String, partitions: Int64) throws {
        let asked = (0..<partitions).map {
            JSONValue.object([("partitionIndex", .integer($0)), ("currentLeaderEpoch", .integer(-1)), ("timestamp", .integer(-2))])
        }
        try succeed("ListOffsets of \(topic)") {
            let answer = try client.call(
                "ListOffsets", version: 4,
                .object([
                    ("replicaId", .integer(-1)), ("isolationLevel", .integer(0)),
                    ("topics", .array([.object([("name", .string(topic)), ("partitions", .array(asked))])])),
                ]))
            let found = answer["topics"]?.elements.first?["partitions"]?.elements ?? []
            return found.isEmpty ? 3 : found.map { $0["errorCode"]?.integer ?? -1 }.first { $0 != 0 } ?? 0
        }
    }

    private func produce(_ batch: JSONValue, to topic: String) throws {
        let records = try PreloadBatch.build(batch)
        try succeed("Produce to \(topic)") {
            let answer = try client.call(
                "Produce", version: 7,
                .object([
                    ("acks", .integer(-1)), ("timeoutMs", .integer(20_000)),
                    (
                        "topicData",
                        .array([
                            .object([
                                ("name", .string(topic)),
                                (
                                    "partitionData",
                                    .array([
                                        .object([
                                            ("index", batch["partition"] ?? .integer(0)),
                                            ("records", .string(Base64.encode(records))),
                                        ])
                                    ])
                                ),
                            ])
                        ])
                    ),
                ]))
            let partition = answer["responses"]?.elements.first?["partitionResponses"]?.elements.first
            return partition?["errorCode"]?.integer ?? -1
        }
    }

    /// A broker that has no such coordinator is let be: many conversations were recorded with one that they never ask.
    private func awaitCoordinator(_ kind: String) throws {
        let keyType = kind == "transaction" ? 1 : 0
        let code = try settle("FindCoordinator (\(kind))") {
            try client.call(
                "FindCoordinator", version: 2,
                .object([
                    ("key", .string("jackdaw-compat")), ("keyType", .integer(keyType)),
                ]))["errorCode"]?.integer ?? -1
        }
        guard code == 0 else { return }
        // The coordinator is found before it has read its partition.
        if keyType == 1 {
            _ = try settle("DescribeTransactions") {
                try client.call(
                    "DescribeTransactions", version: 0, .object([("transactionalIds", .array([.string("jackdaw-compat")]))])
                )["transactionStates"]?.elements.first?["errorCode"]?.integer ?? -1
            }
            return
        }
        try succeed("OffsetFetch") {
            try client.call(
                "OffsetFetch", version: 5,
                .object([
                    ("groupId", .string("jackdaw-compat")), ("topics", .array([])),
                ]))["errorCode"]?.integer ?? -1
        }
    }
}
