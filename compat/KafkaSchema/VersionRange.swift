/// Versions of a message, as the schema writes them: `3`, `3-5`, `3+`, `none`.
package struct VersionRange: Sendable, Equatable, CustomStringConvertible {
    package var lowest: Int16
    package var highest: Int16

    package static let none = VersionRange(lowest: 1, highest: 0)

    package init(lowest: Int16, highest: Int16) {
        self.lowest = lowest
        self.highest = highest
    }

    package init?(_ text: some StringProtocol) {
        if text == "none" {
            self = .none
        } else if text.hasSuffix("+") {
            guard let lowest = Int16(text.dropLast()) else { return nil }
            self.init(lowest: lowest, highest: .max)
        } else {
            let ends = text.split(separator: "-", omittingEmptySubsequences: false)
            guard ends.count <= 2, let lowest = Int16(ends[0]), let highest = Int16(ends[ends.count - 1]) else {
                return nil
            }
            self.init(lowest: lowest, highest: highest)
        }
    }

    package var isEmpty: Bool { lowest > highest }
    package func contains(_ version: Int16) -> Bool { lowest <= version && version <= highest }

    package var description: String {
        if isEmpty { return "none" }
        if highest == .max { return "\(lowest)+" }
        return lowest == highest ? "\(lowest)" : "\(lowest)-\(highest)"
    }
}
