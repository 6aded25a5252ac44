internal import KafkaSchema

// Who may log in, and what they may do.
extension Preparation {
    func createUser(_ user: JSONValue) throws {
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
        try awaitUser(name, mechanism)
    }

    /// Begins to log in until the broker answers with the user's salt: before it knows the user it refuses the first message.
    private func awaitUser(_ name: String, _ mechanism: String) throws {
        guard let connectForLogin else { return }
        _ = try settle("SaslAuthenticate as \(name)") {
            let client = try connectForLogin()
            defer { client.close() }
            let handshake = try client.call("SaslHandshake", version: 1, .object([("mechanism", .string(mechanism))]))
            // A mechanism that the listener does not offer is none that the conversation uses.
            guard handshake["errorCode"]?.integer == 0 else { return 0 }
            let first = JSONValue.string(Base64.encode(Array("n,,n=\(name),r=jackdawcompat".utf8)))
            let answer = try client.call("SaslAuthenticate", version: 1, .object([("authBytes", first)]))
            return answer["errorCode"]?.integer == 0 ? 0 : Self.notYet
        }
    }

    func createAcl(_ acl: JSONValue) throws {
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
                            ("resourcePatternType", .integer(Self.literal)), ("principal", acl["principal"] ?? .string("")),
                            ("host", .string("*")),
                            ("operation", .integer(operation)), ("permissionType", .integer(Self.allow)),
                        ])
                    ])
                )
            ]))
        for result in answer["results"]?.elements ?? [] { try KafkaClient.check(result, "CreateAcls") }
        try awaitAcl(acl, type: type, operation: operation)
    }

    /// The broker's own authorizer answers, once it has read of it.
    private func awaitAcl(_ acl: JSONValue, type: Int, operation: Int) throws {
        try succeed("DescribeAcls") {
            let answer = try client.call(
                "DescribeAcls", version: 1,
                .object([
                    ("resourceTypeFilter", .integer(type)), ("resourceNameFilter", acl["name"] ?? .string("")),
                    ("patternTypeFilter", .integer(Self.literal)), ("principalFilter", acl["principal"] ?? .string("")),
                    ("hostFilter", .string("*")), ("operation", .integer(operation)), ("permissionType", .integer(Self.allow)),
                ]))
            guard answer["errorCode"]?.integer == 0 else { return answer["errorCode"]?.integer ?? -1 }
            return answer["resources"]?.elements.isEmpty == false ? 0 : Self.notYet
        }
    }

    /// COORDINATOR_NOT_AVAILABLE, in place of an error: to be asked again.
    private static let notYet: Int64 = 15
    private static let literal = 3, allow = 3
}
