package import KafkaSchema

/// A field that differs and that no rule excuses.
package struct FieldDifference: Sendable {
    package var path: String
    package var expected: String
    package var got: String
}

/// What came of comparing answers: differences, how much was looked at, and which rules were needed.
package struct ComparisonResult: Sendable {
    package var differences: [FieldDifference] = []
    package var comparedFields = 0
    /// Lines of the rules file without which something would have differed.
    package var neededRules: Set<Int> = []
}

/// Compares answers of one conversation, and learns from them which live value stands for which recorded one.
package struct Comparer: Sendable {
    package private(set) var mapping = Mapping()
    package private(set) var result = ComparisonResult()

    private var index: RuleIndex
    private var api = ""
    private var path = FieldPath()
    private var request: FieldTree?
    /// The recorded structures around the field that is looked at, outermost first.
    private var parents: [FieldTree] = []
    /// The live SASL exchange that this answer belongs to.
    private var sasl: SaslTranscript?

    package init(rules: Rules, fixture: String) { index = RuleIndex(rules, fixture: fixture) }

    /// Compares one answer. The differences of before are gone; counts and needed rules add up.
    package mutating func compare(
        recorded: Packet, live: Packet, request: FieldTree?, sasl: SaslTranscript?
    ) -> [FieldDifference] {
        result.differences = []
        api = Schema.shared.apiName(recorded.apiKey)
        self.request = request
        self.sasl = sasl
        if recorded.frame == live.frame {
            result.comparedFields += recorded.body.leafCount
            return []
        }
        if recorded.version != live.version {
            differ(expected: "an answer in version \(recorded.version)", got: "version \(live.version)")
            return result.differences
        }
        compare(recorded.header, live.header)
        compare(recorded.body, live.body)
        if let problem = live.problem, recorded.problem == nil {
            differ(expected: "a readable answer", got: problem)
        } else if recorded.leftOver != live.leftOver {
            differ(expected: "\(recorded.leftOver) bytes after the last field", got: "\(live.leftOver)")
        }
        return result.differences
    }

    /// An answer is compared again, because it was asked for again: what was counted for it is forgotten.
    mutating func count(from before: Int) { result.comparedFields = before }

    /// A bare SASL token, which is no Kafka message.
    package mutating func compareToken(recorded: [UInt8], live: [UInt8], sasl: SaslTranscript?) -> [FieldDifference] {
        result.differences = []
        result.comparedFields += 1
        if recorded == live || sasl?.accepts(recorded: recorded, live: live) == true { return [] }
        differ(expected: FieldTree(.bytes(recorded)).shortText, got: FieldTree(.bytes(live)).shortText)
        return result.differences
    }

    private mutating func differ(expected: String, got: String) {
        result.differences.append(FieldDifference(path: path.description, expected: expected, got: got))
    }

    private mutating func rules() -> [FieldRule] {
        index.rules(api: api, path: path.pattern).filter { rule in
            guard let condition = rule.condition else { return true }
            // The nearest structure around the field that has such a member.
            let member = parents.reversed().lazy.compactMap { $0[condition.member] }.first
            return member.map { condition.values.contains($0.plainText) } ?? false
        }
    }

    private mutating func compare(_ recorded: FieldTree, _ live: FieldTree) {
        switch (recorded.value, live.value) {
        case (.structure(let one), .structure(let other)): compareMembers(one, other, of: recorded)
        case (.array(let one), .array(let other)): compareElements(one, other)
        case (.records(let one), .records(let other)) where one != other:
            compare(RecordsTree.read(one), RecordsTree.read(other))
        default: compareLeaf(recorded, live)
        }
    }

    private mutating func compareMembers(_ recorded: [FieldMember], _ live: [FieldMember], of parent: FieldTree) {
        parents.append(parent)
        for member in recorded {
            path.steps.append(.member(member.key))
            if let other = live.first(where: { $0.key == member.key }) {
                compare(member.tree, other.tree)
            } else {
                compareLeaf(member.tree, nil)
            }
            path.steps.removeLast()
        }
        for member in live where !recorded.contains(where: { $0.key == member.key }) {
            path.steps.append(.member(member.key))
            compareLeaf(nil, member.tree)
            path.steps.removeLast()
        }
        parents.removeLast()
    }

    private mutating func compareLeaf(_ recorded: FieldTree?, _ live: FieldTree?) {
        result.comparedFields += 1
        let rules = rules()
        if let recorded, let live, let mapped = rules.first(where: { $0.isMapped }) {
            return compareMapped(recorded, live, rule: mapped)
        }
        if let recorded, let live, recorded.isSameLeaf(as: live) { return }
        for rule in rules where excuses(rule, recorded, live) {
            result.neededRules.insert(rule.line)
            return
        }
        differ(expected: recorded?.shortText ?? "no such field", got: live?.shortText ?? "no such field")
    }

    private mutating func compareMapped(_ recorded: FieldTree, _ live: FieldTree, rule: FieldRule) {
        guard case .mapped(let name, let by) = rule.kind else { return }
        guard let one = recorded.mappingValue, let other = live.mappingValue else {
            if !recorded.isSameLeaf(as: live) { differ(expected: recorded.shortText, got: live.shortText) }
            return
        }
        let domain = Mapping.Domain(name: name, scope: by.flatMap { scopeValue(named: $0) })
        let before = mapping.live(one, in: domain)
        if mapping.bind(one, to: other, in: domain) {
            if one != other { result.neededRules.insert(rule.line) }
        } else if let before {
            differ(expected: "\(recorded.shortText), which stood for \(before.text) until now", got: live.shortText)
        } else {
            differ(expected: "\(recorded.shortText), another value than before", got: live.shortText)
        }
    }

    /// The recorded value of the field that counts anew: beside the field or around it, or in the request.
    private func scopeValue(named name: String) -> Mapping.Value? {
        for parent in parents.reversed() {
            if let value = parent[name]?.mappingValue { return value }
        }
        return request?[name]?.mappingValue
    }

    private func excuses(_ rule: FieldRule, _ recorded: FieldTree?, _ live: FieldTree?) -> Bool {
        switch rule.kind {
        case .masked: return true
        case .oneOf(let values):
            guard let recorded, let live else { return false }
            return values.contains(recorded.plainText) && values.contains(live.plainText)
        case .sasl:
            guard let one = recorded?.content, let other = live?.content else { return false }
            return sasl?.accepts(recorded: one, live: other) ?? false
        case .mapped, .unordered, .mayLack, .mayHaveMore: return false
        }
    }
}

// Lists: in order, or by key, or as a whole.
extension Comparer {
    private mutating func compareElements(_ recorded: [FieldTree], _ live: [FieldTree]) {
        let rules = rules()
        if let mask = rules.first(where: { $0.kind == .masked }) {
            result.comparedFields += 1
            result.neededRules.insert(mask.line)
            return
        }
        var pairs: [(recorded: Int, live: Int)] = []
        let unordered = rules.first { if case .unordered = $0.kind { true } else { false } }
        if let unordered, case .unordered(let keys) = unordered.kind {
            pairs = match(recorded, live, keys: keys)
            if pairs.contains(where: { $0.recorded != $0.live }) { result.neededRules.insert(unordered.line) }
        } else {
            pairs = (0..<min(recorded.count, live.count)).map { ($0, $0) }
        }
        for pair in pairs {
            path.steps.append(.element(pair.recorded))
            compare(recorded[pair.recorded], live[pair.live])
            path.steps.removeLast()
        }
        let matchedRecorded = Set(pairs.map(\.recorded))
        let matchedLive = Set(pairs.map(\.live))
        report(recorded, without: matchedRecorded, excuse: rules.first { $0.kind == .mayLack }, isRecorded: true)
        report(live, without: matchedLive, excuse: rules.first { $0.kind == .mayHaveMore }, isRecorded: false)
    }

    /// Elements without a counterpart.
    private mutating func report(
        _ elements: [FieldTree], without matched: Set<Int>, excuse: FieldRule?, isRecorded: Bool
    ) {
        for (index, element) in elements.enumerated() where !matched.contains(index) {
            if let excuse {
                result.neededRules.insert(excuse.line)
                continue
            }
            path.steps.append(.element(index))
            if isRecorded {
                differ(expected: element.shortText, got: "no such element")
            } else {
                differ(expected: "no such element", got: element.shortText)
            }
            path.steps.removeLast()
        }
    }

    private mutating func match(_ recorded: [FieldTree], _ live: [FieldTree], keys: [String]) -> [(
        recorded: Int, live: Int
    )] {
        var pairs: [(recorded: Int, live: Int)] = []
        var freeLive = Array(live.indices)
        var freeRecorded: [Int] = []
        for index in recorded.indices {
            let found = freeLive.firstIndex { candidate in
                keys.isEmpty
                    ? isSame(recorded[index], live[candidate]) : haveSameKey(recorded[index], live[candidate], keys)
            }
            if let found {
                pairs.append((index, freeLive.remove(at: found)))
            } else {
                freeRecorded.append(index)
            }
        }
        // What no key joined may be joined by a renaming that is not known yet: a topic id seen for the first time, beside a
        // name that says whose it is; or, where nothing says it, by its place.
        if !keys.isEmpty {
            freeRecorded.removeAll { index in
                guard let found = freeLive.firstIndex(where: { mayHaveSameKey(recorded[index], live[$0], keys) }) else {
                    return false
                }
                pairs.append((index, freeLive.remove(at: found)))
                return true
            }
            if freeRecorded.count == freeLive.count { pairs += zip(freeRecorded, freeLive).map { ($0, $1) } }
        }
        return pairs.sorted { $0.recorded < $1.recorded }
    }

    private func haveSameKey(_ recorded: FieldTree, _ live: FieldTree, _ keys: [String]) -> Bool {
        keys.allSatisfy { key in
            guard let one = recorded[key], let other = live[key] else {
                return recorded[key] == nil && live[key] == nil
            }
            if one.isSameLeaf(as: other) { return true }
            guard let one = one.mappingValue, let other = other.mappingValue else { return false }
            return mapping.stands(other, for: one)
        }
    }

    /// Whether one of the keys is the same, and each of the others is, or is a value that stands for nothing yet on either side.
    private func mayHaveSameKey(_ recorded: FieldTree, _ live: FieldTree, _ keys: [String]) -> Bool {
        var isAnySame = false
        for key in keys {
            guard let one = recorded[key], let other = live[key] else { continue }
            if one.isSameLeaf(as: other) {
                isAnySame = isAnySame || !one.isNull
            } else {
                guard let one = one.mappingValue, let other = other.mappingValue, mapping.isNew(one, other) else {
                    return false
                }
            }
        }
        return isAnySame
    }

    /// Whether two elements would compare without a difference. What the trial learned is forgotten.
    private func isSame(_ recorded: FieldTree, _ live: FieldTree) -> Bool {
        var trial = self
        trial.result.differences = []
        trial.path.steps.append(.element(0))
        trial.compare(recorded, live)
        return trial.result.differences.isEmpty
    }
}

extension FieldRule {
    var isMapped: Bool { if case .mapped = kind { true } else { false } }
}
