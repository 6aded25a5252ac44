internal import KafkaSchema

/// What a recorded client used: its library, APIs and versions, features, topics and groups.
package struct Audit: Sendable {
    package struct Use: Sendable, Hashable {
        package var apiKey: Int16
        package var version: Int16
    }

    package private(set) var libraries: Set<String> = []
    package private(set) var clientIds: Set<String> = []
    package private(set) var uses: [Use: Int] = [:]
    package private(set) var features: Set<String> = []
    package private(set) var topics: Set<String> = []
    package private(set) var groups: Set<String> = []
    package private(set) var unreadable = 0
    /// Whether it asks what the broker serves before it chooses versions.
    package private(set) var negotiates = false
    /// What the recorded broker said that it serves.
    package private(set) var advertised: [Int16: ClosedRange<Int16>] = [:]
    /// Topics by id, as answers named them.
    private var topicNames: [[UInt8]: String] = [:]

    package init() {}

    package mutating func add(_ conversation: Conversation) {
        for exchange in conversation.exchanges {
            if exchange.isSaslRaw {
                features.insert("SASL without Kafka frames (SaslHandshake v0)")
                continue
            }
            guard let packet = Packet(request: exchange.request), packet.problem == nil else {
                unreadable += 1
                continue
            }
            uses[Use(apiKey: packet.apiKey, version: packet.version), default: 0] += 1
            if let id = packet.header["clientId"]?.string, !id.isEmpty { clientIds.insert(id) }
            add(packet)
            if let response = exchange.response {
                add(answer: Packet(response: response, apiKey: packet.apiKey, version: packet.version))
            }
        }
    }

    private mutating func add(_ packet: Packet) {
        collectNames(packet.body, member: "")
        switch packet.apiKey {
        case 0: addProduce(packet)
        case 1: if packet.body["isolationLevel"]?.integer == 1 { features.insert("reads committed records only") }
        case 11: addJoin(packet)
        case 17: if let mechanism = packet.body["mechanism"]?.string { features.insert("SASL \(mechanism)") }
        case 18:
            negotiates = true
            if let name = packet.body["clientSoftwareName"]?.string, !name.isEmpty {
                libraries.insert("\(name) \(packet.body["clientSoftwareVersion"]?.string ?? "")")
            }
        case 22:
            let isTransactional = packet.body["transactionalId"]?.isNull == false
            features.insert(isTransactional ? "transactions" : "idempotent producer")
        case 68: features.insert("consumer group protocol of KIP-848")
        case 71, 72: features.insert("client metrics (KIP-714)")
        case 76: features.insert("share groups (KIP-932)")
        case 88: features.insert("streams groups (KIP-1071)")
        default: break
        }
    }

    private mutating func addProduce(_ packet: Packet) {
        if let acks = packet.body["acks"]?.integer { features.insert("acks=\(acks)") }
        for topic in packet.body["topicData"]?.elements ?? [] {
            for partition in topic["partitionData"]?.elements ?? [] {
                guard let records = partition["records"]?.content else { continue }
                for batch in RecordsTree.read(records).elements {
                    guard let magic = batch["magic"]?.integer, let attributes = batch["attributes"]?.integer else {
                        continue
                    }
                    features.insert("message format v\(magic)")
                    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
                    let codec = Int(attributes & 7)
                    if codec > 0, codec < codecs.count { features.insert("compression \(codecs[codec])") }
                }
            }
        }
    }

    private mutating func addJoin(_ packet: Packet) {
        features.insert("classic consumer group")
        if packet.body["groupInstanceId"]?.isNull == false { features.insert("static membership") }
        for entry in packet.body["protocols"]?.elements ?? [] {
            if let name = entry["name"]?.string { features.insert("assignor \(name)") }
        }
    }

    /// Topics and groups are called the same in all requests.
    private mutating func collectNames(_ tree: FieldTree, member: String) {
        switch tree.value {
        case .string:
            guard let text = tree.string, !text.isEmpty else { return }
            if member == "topic" || member == "topicName" || member == "topics" || member == "topicNames" {
                topics.insert(text)
            }
            if member == "groupId" || member == "groups" || member == "groupIds" || member == "groupsNames" {
                groups.insert(text)
            }
        case .array(let elements): for element in elements { collectNames(element, member: member) }
        case .structure(let members):
            for inner in members {
                // `name` is a topic's where the list around it is one of topics.
                let isTopicName = inner.key == "name" && (member.hasPrefix("topic") || member == "topicData")
                collectNames(inner.tree, member: isTopicName ? "topic" : inner.key)
            }
        case .uuid(let id): if let name = topicNames[id] { topics.insert(name) }
        default: break
        }
    }

    private mutating func add(answer: Packet) {
        if answer.apiKey == 18 {
            for entry in answer.body["apiKeys"]?.elements ?? [] {
                guard let key = entry["apiKey"]?.integer, let low = entry["minVersion"]?.integer,
                    let high = entry["maxVersion"]?.integer, low <= high, low >= 0
                else { continue }
                advertised[Int16(truncatingIfNeeded: key)] =
                    Int16(truncatingIfNeeded: low)...Int16(truncatingIfNeeded: high)
            }
        } else if answer.apiKey == 3 {
            for topic in answer.body["topics"]?.elements ?? [] {
                if let id = topic["topicId"]?.content, let name = topic["name"]?.string { topicNames[id] = name }
            }
        }
    }
}

extension Audit {
    /// Something that would not work with a target.
    package struct Finding: Sendable {
        package enum Gravity: String, Sendable { case breaks, perhaps }
        package var gravity: Gravity
        package var text: String
    }

    /// What would break with a broker that serves these versions.
    package func findings(against target: [Int16: ClosedRange<Int16>], called name: String) -> [Finding] {
        var findings: [Finding] = []
        for (use, _) in uses.sorted(by: { ($0.key.apiKey, $0.key.version) < ($1.key.apiKey, $1.key.version) }) {
            let api = Schema.shared.apiName(use.apiKey)
            guard let range = target[use.apiKey] else {
                findings.append(
                    Finding(gravity: .breaks, text: "\(api): \(name) does not serve it; it closes the connection"))
                continue
            }
            if range.contains(use.version) { continue }
            // ApiVersions alone is answered in any version, with error 35 and the versions to use.
            if use.apiKey == 18 { continue }
            let serves = "\(name) serves \(range.lowerBound) to \(range.upperBound)"
            if use.version < range.lowerBound {
                findings.append(tooOld(use, api, serves))
            } else if !negotiates {
                findings.append(
                    Finding(
                        gravity: .breaks,
                        text: "\(api) v\(use.version): \(serves), and the client does not ask what is served"))
            }
        }
        return findings
    }

    private func tooOld(_ use: Use, _ api: String, _ serves: String) -> Finding {
        // A client takes the newest version that both know. If the recorded broker knew a newer one, this was the client's own limit.
        if negotiates, let recorded = advertised[use.apiKey], recorded.upperBound == use.version {
            return Finding(
                gravity: .perhaps,
                text:
                    "\(api) v\(use.version): \(serves); it was the newest of the recorded broker, and the client may know newer ones"
            )
        }
        return Finding(
            gravity: .breaks,
            text:
                "\(api) v\(use.version): \(serves); the client knows no newer version, so the broker closes the connection"
                + " (Kafka 4.0 removed the versions from before 2.1: KIP-896)")
    }
}
