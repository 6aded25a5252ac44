internal import KafkaSchema

/// Puts on a fresh broker what a conversation's `setup` says, over the wire.
struct Preparation {
    private let client: KafkaClient

    /// How long a broker may take to lead a new partition or load a coordinator.
    private static let settleMs = 30_000

    init(_ client: KafkaClient) { self.client = client }

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
    private func settle(_ api: String, _ ask: () throws -> Int64) throws -> Int64 {
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

    private func succeed(_ api: String, _ ask: () throws -> Int64) throws {
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
        guard code == 0, keyType == 0 else { return }
        // The coordinator is found before it has read its partition.
        try succeed("OffsetFetch") {
            try client.call(
                "OffsetFetch", version: 5,
                .object([
                    ("groupId", .string("jackdaw-compat")), ("topics", .array([])),
                ]))["errorCode"]?.integer ?? -1
        }
    }

    private func createUser(_ user: JSONValue) throws {
        guard let name = user["user"]?.string, let mechanism = user["mechanism"]?.string,
            let password = user["password"]?.string,
            let secret = ScramSecret(mechanism: mechanism, password: password)
        else { throw KafkaClient.Failure(api: "setup", reason: "scram_users: \(user.text)") }
        let salt = Array((user["salt"]?.string ?? "fixed-salt").utf8)
        let iterations = Int(user["iterations"]?.integer ?? 4096)
        let answer = try client.call(
            "AlterUserScramCredentials", version: 0,
            .object([
                (
                    "upsertions",
                    .array([
                        .object([
                            ("name", .string(name)), ("mechanism", .integer(mechanism == "SCRAM-SHA-256" ? 1 : 2)),
                            ("iterations", .integer(iterations)), ("salt", .string(Base64.encode(salt))),
                            (
                                "saltedPassword",
                                .string(Base64.encode(secret.salted(salt: salt, iterations: iterations)))
                            ),
                        ])
                    ])
                )
            ]))
        for result in answer["results"]?.elements ?? [] {
            try KafkaClient.check(result, "AlterUserScramCredentials \(name)")
        }
    }

    private func createAcl(_ acl: JSONValue) throws {
        let types = ["TOPIC": 2, "GROUP": 3, "CLUSTER": 4, "TRANSACTIONAL_ID": 5]
        let operations = ["ALL": 2, "READ": 3, "WRITE": 4, "CREATE": 5, "DELETE": 6, "ALTER": 7, "DESCRIBE": 8]
        guard let type = types[acl["resource"]?.string ?? ""],
            let operation = operations[acl["operation"]?.string ?? ""]
        else {
            throw KafkaClient.Failure(api: "setup", reason: "acls: \(acl.text)")
        }
        let answer = try client.call(
            "CreateAcls", version: 1,
            .object([
                (
                    "creations",
                    .array([
                        .object([
                            ("resourceType", .integer(type)), ("resourceName", acl["name"] ?? .string("")),
                            ("resourcePatternType", .integer(3)), ("principal", acl["principal"] ?? .string("")),
                            ("host", .string("*")),
                            ("operation", .integer(operation)), ("permissionType", .integer(3)),
                        ])
                    ])
                )
            ]))
        for result in answer["results"]?.elements ?? [] { try KafkaClient.check(result, "CreateAcls") }
    }
}
