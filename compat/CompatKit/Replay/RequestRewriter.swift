internal import KafkaSchema

/// A recorded request as it must be sent to this broker: values that the broker handed out are replaced, field by field.
struct RequestRewriter {
    private var index: RuleIndex
    private let mapping: Mapping
    private let api: String
    private let request: FieldTree
    private var path = FieldPath()
    private var parents: [FieldTree] = []
    private var hasChanged = false

    /// The frame to send. A frame that does not decode is sent as it was.
    static func rewrite(_ packet: Packet, mapping: Mapping, index: inout RuleIndex) -> [UInt8] {
        guard packet.problem == nil, packet.schema != nil else { return packet.frame }
        var rewriter = RequestRewriter(packet, mapping: mapping, index: index)
        var live = packet
        live.body = rewriter.rewritten(packet.body)
        index = rewriter.index
        guard rewriter.hasChanged else { return packet.frame }
        // What decoded by the schema encodes by it.
        return (try? live.encoded()) ?? packet.frame
    }

    private init(_ packet: Packet, mapping: Mapping, index: RuleIndex) {
        self.index = index
        self.mapping = mapping
        api = Schema.shared.apiName(packet.apiKey)
        request = packet.body
    }

    private mutating func rewritten(_ tree: FieldTree) -> FieldTree {
        switch tree.value {
        case .structure(var members):
            parents.append(tree)
            for position in members.indices {
                path.steps.append(.member(members[position].key))
                members[position].tree = rewritten(members[position].tree)
                path.steps.removeLast()
            }
            parents.removeLast()
            return FieldTree(.structure(members), range: tree.range)
        case .array(var elements):
            for position in elements.indices {
                path.steps.append(.element(position))
                elements[position] = rewritten(elements[position])
                path.steps.removeLast()
            }
            return FieldTree(.array(elements), range: tree.range)
        case .records(let bytes): return rewrittenRecords(bytes, tree)
        default: return rewrittenLeaf(tree)
        }
    }

    private mutating func rewrittenLeaf(_ tree: FieldTree) -> FieldTree {
        guard let recorded = tree.mappingValue else { return tree }
        for rule in index.rules(api: api, path: path.pattern) {
            guard case .mapped(let name, let by) = rule.kind else { continue }
            let domain = Mapping.Domain(name: name, scope: by.flatMap { scopeValue(named: $0) })
            guard let live = mapping.live(recorded, in: domain), live != recorded else { continue }
            hasChanged = true
            return tree.replaced(by: live)
        }
        return tree
    }

    private mutating func rewrittenRecords(_ bytes: [UInt8], _ tree: FieldTree) -> FieldTree {
        let mapping = mapping
        let new = BatchRewriter.rewrite(bytes) { producerId, epoch in
            let id = mapping.live(.int(producerId), in: .init(name: "producer-id"))
            let renewed = mapping.live(.int(Int64(epoch)), in: .init(name: "producer-epoch", scope: .int(producerId)))
            var (liveId, liveEpoch) = (producerId, epoch)
            if case .int(let value)? = id { liveId = value }
            if case .int(let value)? = renewed { liveEpoch = Int16(truncatingIfNeeded: value) }
            return (liveId, liveEpoch)
        }
        guard new != bytes else { return tree }
        hasChanged = true
        return FieldTree(.records(new), range: tree.range)
    }

    private func scopeValue(named name: String) -> Mapping.Value? {
        for parent in parents.reversed() {
            if let value = parent[name]?.mappingValue { return value }
        }
        return request[name]?.mappingValue
    }
}

extension FieldTree {
    /// The same kind of field with another value.
    func replaced(by new: Mapping.Value) -> FieldTree {
        switch (value, new) {
        case (.int, .int(let value)): FieldTree(.int(value), range: range)
        case (.string, .bytes(let content)): FieldTree(.string(content), range: range)
        case (.bytes, .bytes(let content)): FieldTree(.bytes(content), range: range)
        case (.uuid, .bytes(let content)): FieldTree(.uuid(content), range: range)
        default: self
        }
    }
}
