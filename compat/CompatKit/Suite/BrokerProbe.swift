internal import KafkaSchema

/// Questions that change nothing, as a conversation: what two brokers are asked when nobody names a fixture.
package enum BrokerProbe {
    /// Versions that every release from 2.4 on serves.
    private static let questions: [(api: String, version: Int16, body: String)] = [
        ("ApiVersions", 3, #"{"clientSoftwareName":"jackdaw-compat","clientSoftwareVersion":"0"}"#),
        ("Metadata", 8, #"{"topics":null,"allowAutoTopicCreation":false}"#),
        ("DescribeCluster", 0, "{}"),
        ("ListGroups", 3, "{}"),
        (
            "DescribeConfigs", 2,
            #"{"resources":[{"resourceType":4,"resourceName":"NODE","configurationKeys":null}],"includeSynonyms":true}"#
        ),
        ("DescribeLogDirs", 2, #"{"topics":null}"#),
        ("DescribeAcls", 1, #"{"resourceTypeFilter":1,"patternTypeFilter":1,"operation":1,"permissionType":1}"#),
        ("DescribeClientQuotas", 0, #"{"components":[],"strict":false}"#),
        ("ListTransactions", 0, "{}"),
        ("ListPartitionReassignments", 0, #"{"timeoutMs":10000,"topics":null}"#),
    ]

    /// Each question on a connection of its own: a broker that does not know one closes that connection only.
    package static func conversation(nodeId: Int) throws -> Conversation {
        var conversation = Conversation()
        conversation.broker = "probe"
        conversation.client = "jackdaw-compat"
        conversation.scenario = "probe"
        conversation.advertised = "localhost:0"
        for (index, question) in questions.enumerated() {
            guard let key = Schema.shared.apiKey(named: question.api), let schema = Schema.shared.requests[key] else {
                continue
            }
            let time = Double(index * 10)
            let body = try JSONValue(parsing: question.body.replacing("NODE", with: "\(nodeId)"))
            let header = JSONValue.object([
                ("requestApiKey", .integer(key)), ("requestApiVersion", .integer(question.version)),
                ("correlationId", .integer(index + 1)), ("clientId", .string("jackdaw-compat")),
            ])
            let headerVersion = Schema.shared.requestHeaderVersion(apiKey: key, version: question.version)
            let frame =
                try SchemaEncoder.encode(
                    FieldTree(json: header, schema: Schema.shared.requestHeader, version: headerVersion),
                    schema: Schema.shared.requestHeader, version: headerVersion)
                + SchemaEncoder.encode(
                    FieldTree(json: body, schema: schema, version: question.version), schema: schema,
                    version: question.version)
            var exchange = RecordedExchange(connection: index + 1, sequence: 0, request: frame, timeMs: time + 1)
            exchange.apiKey = key
            exchange.apiVersion = question.version
            exchange.correlationId = Int32(index + 1)
            exchange.response = []
            exchange.roundTripMs = 1
            conversation.exchanges.append(exchange)
            conversation.connections.append(
                ConnectionLife(number: index + 1, openedMs: time, closedMs: time + 5, closedBy: .client))
        }
        return conversation
    }
}
