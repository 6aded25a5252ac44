// Which offsets have outlived offsets.retention.minutes (KIP-211).

extension ClassicGroup {
    /// From when on the retention of an offset counts; nil: offsets of this group do not expire as things stand.
    enum ExpiryBase {
        /// A group without members: since it has none, or since the commit where an old record does not tell.
        case sinceEmpty(Int64?)
        /// Members consume, but not this topic any more; or nobody ever joined (a consumer that assigns itself).
        case sinceCommit
    }

    var expiryBase: ExpiryBase? {
        guard protocolType != nil else { return .sinceCommit }
        switch state {
        case .empty: return .sinceEmpty(stateTimestampMs)
        case .stable: return knowsSubscriptions ? .sinceCommit : nil
        case .preparingRebalance, .completingRebalance, .dead: return nil
        }
    }

    /// Whether the offset may go.
    func isExpired(_ committed: CommittedOffset, _ base: ExpiryBase, nowMs: Int64, retentionMs: Int64) -> Bool {
        if committed.expireTimestampMs >= 0 { return nowMs >= committed.expireTimestampMs }
        let start =
            switch base {
            case .sinceEmpty(let since): since ?? committed.commitTimestampMs
            case .sinceCommit: committed.commitTimestampMs
            }
        return nowMs.subtractingSaturated(start) >= retentionMs
    }
}

extension Int64 {
    func subtractingSaturated(_ other: Int64) -> Int64 {
        let (difference, overflows) = subtractingReportingOverflow(other)
        return overflows ? (other > 0 ? .min : .max) : difference
    }

    func addingSaturated(_ other: Int64) -> Int64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? (other > 0 ? .max : .min) : sum
    }
}
