/// Recorded values and the live ones that took their place: a topic id, a member id, a session. One to one within a domain, so
/// that two members that were different stay different.
package struct Mapping: Sendable {
    package enum Value: Sendable, Hashable {
        case int(Int64)
        case bytes([UInt8])
    }

    /// What is renamed together. Epochs and generations count anew for each producer and group: `scope` holds whose it is.
    package struct Domain: Sendable, Hashable {
        package var name: String
        package var scope: Value?

        package init(name: String, scope: Value? = nil) {
            self.name = name
            self.scope = scope
        }
    }

    private var liveValues: [Domain: [Value: Value]] = [:]
    private var recordedValues: [Domain: [Value: Value]] = [:]

    package init() {}

    /// False if one of the two already stands for another.
    package mutating func bind(_ recorded: Value, to live: Value, in domain: Domain) -> Bool {
        if recorded.isReserved || live.isReserved { return recorded == live }
        let known = liveValues[domain]?[recorded]
        let owner = recordedValues[domain]?[live]
        if known == live { return true }
        guard known == nil, owner == nil else { return false }
        liveValues[domain, default: [:]][recorded] = live
        recordedValues[domain, default: [:]][live] = recorded
        return true
    }

    /// The live value for a recorded one; nil if none is known.
    package func live(_ recorded: Value, in domain: Domain) -> Value? { liveValues[domain]?[recorded] }
}

extension Mapping.Value {
    /// Values that say "none": they are never renamed.
    var isReserved: Bool {
        switch self {
        case .int(let value): value < 0
        case .bytes(let bytes): bytes.allSatisfy { $0 == 0 }
        }
    }
}

extension Mapping {
    /// Whether neither value stands in any renaming yet.
    func isNew(_ recorded: Value, _ live: Value) -> Bool {
        !recorded.isReserved && !live.isReserved && !liveValues.values.contains { $0[recorded] != nil }
            && !recordedValues.values.contains { $0[live] != nil }
    }

    /// Whether `live` took the place of `recorded` in any domain.
    func stands(_ live: Value, for recorded: Value) -> Bool {
        liveValues.values.contains { $0[recorded] == live }
    }
}

extension Mapping.Value {
    var text: String {
        switch self {
        case .int(let value): "\(value)"
        case .bytes(let bytes): Text.readable(bytes)
        }
    }
}
