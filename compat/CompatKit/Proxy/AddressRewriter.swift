internal import KafkaSchema

/// Puts the proxy's addresses in the place of the brokers' wherever an answer names them, so that clients stay on the proxy.
struct AddressRewriter {
    /// The proxy's address for a broker's.
    let local: (Address) -> Address?

    /// Largest Produce or Fetch answer that is looked into: they name a broker only beside an error, and a large one carries data.
    static let maximumDataBytes = 64 << 10

    static func mayName(apiKey: Int16, version: Int16, length: Int) -> Bool {
        switch apiKey {
        case 3, 10, 60: true  // Metadata, FindCoordinator, DescribeCluster
        case 0: version >= 10 && length <= maximumDataBytes  // Produce: node endpoints
        case 1: version >= 16 && length <= maximumDataBytes  // Fetch
        case 78, 79: length <= maximumDataBytes  // ShareFetch, ShareAcknowledge
        default: false
        }
    }

    /// The frame that goes on; nil if nothing in it is to be changed.
    func rewrite(_ frame: [UInt8], apiKey: Int16, version: Int16) -> [UInt8]? {
        var packet = Packet(response: frame, apiKey: apiKey, version: version)
        guard packet.problem == nil else { return nil }
        var hasChanged = false
        packet.body = rewrite(packet.body, &hasChanged)
        return hasChanged ? try? packet.encoded() : nil
    }

    private func rewrite(_ tree: FieldTree, _ hasChanged: inout Bool) -> FieldTree {
        switch tree.value {
        case .array(let elements):
            return FieldTree(.array(elements.map { rewrite($0, &hasChanged) }), range: tree.range)
        case .structure(var members):
            for index in members.indices { members[index].tree = rewrite(members[index].tree, &hasChanged) }
            var changed = FieldTree(.structure(members), range: tree.range)
            guard let host = tree["host"]?.string, !host.isEmpty, let port = tree["port"]?.integer,
                let local = local(Address(host: host, port: Int(port)))
            else { return changed }
            changed["host"] = FieldTree(.string(Array(local.host.utf8)))
            changed["port"] = FieldTree(.int(Int64(local.port)))
            hasChanged = true
            return changed
        default: return tree
        }
    }
}
