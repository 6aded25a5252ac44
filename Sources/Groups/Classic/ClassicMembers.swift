internal import EventLoop

/// A group's members in the order in which they came. A look-up goes over a row of hashes first: for the usual handful of
/// members nothing is faster, and for a thousand it is still a fraction of a microsecond.
package struct ClassicMembers: Sendable {
    package private(set) var all: [ClassicMember] = []
    private var hashes: [Int32] = []
    /// Group instance id to the member that holds it (KIP-345).
    private var statics: [ByteString: ByteString] = [:]
    /// How many members offer a protocol. They are few, and an array is a third of a dictionary's size.
    private var offers: [(name: ByteString, count: Int)] = []

    package var count: Int { all.count }
    package var isEmpty: Bool { all.isEmpty }
    package var staticCount: Int { statics.count }

    package subscript(index: Int) -> ClassicMember {
        get { all[index] }
        _modify { yield &all[index] }
    }

    package func index(of id: UnsafeRawBufferPointer) -> Int? {
        let hash = ByteString.javaHash(id)
        for index in hashes.indices where hashes[index] == hash && all[index].id.equals(id) { return index }
        return nil
    }

    package func index(of id: ByteString) -> Int? { id.bytes.withUnsafeBytes { index(of: $0) } }

    package func member(ofInstance instanceId: ByteString) -> ByteString? { statics[instanceId] }

    mutating func append(_ member: ClassicMember) {
        if let instance = member.instanceId { statics[instance] = member.id }
        countOffers(of: member.protocols, by: 1)
        all.append(member.sharing(with: all.last))
        hashes.append(member.id.javaHash)
    }

    mutating func remove(at index: Int) -> ClassicMember {
        let member = all.remove(at: index)
        hashes.remove(at: index)
        countOffers(of: member.protocols, by: -1)
        if let instance = member.instanceId { statics[instance] = nil }
        return member
    }

    /// Gives back the room that growing has left: for the time until the next rebalance nobody comes.
    mutating func settle() {
        if all.capacity > all.count { all = all.map { $0 } }
        if hashes.capacity > hashes.count { hashes = hashes.map { $0 } }
    }

    /// Puts another member into the place of one with the same instance id and the same protocols.
    mutating func replace(at index: Int, with member: ClassicMember) {
        if let instance = member.instanceId { statics[instance] = member.id }
        all[index] = member
        hashes[index] = member.id.javaHash
    }

    mutating func setProtocols(_ protocols: [MemberProtocol], at index: Int) {
        countOffers(of: all[index].protocols, by: -1)
        countOffers(of: protocols, by: 1)
        let neighbour = index > 0 ? index - 1 : count - 1
        all[index].protocols = protocols.sharing(with: all[neighbour].protocols)
    }

    private mutating func countOffers(of protocols: [MemberProtocol], by step: Int) {
        for offered in protocols {
            if let place = offers.firstIndex(where: { $0.name == offered.name }) {
                offers[place].count += step
            } else {
                offers.append((offered.name, step))
            }
        }
        offers.removeAll { $0.count == 0 }
    }

    /// Whether every member offers this protocol (so too if there is no member).
    func allOffer(_ name: ByteString) -> Bool { offers.first { $0.name == name }?.count ?? 0 == count }

    /// The protocol with the most votes; each member votes for the first of its list that all of them offer. Where votes
    /// are even, the choice of the member that came first wins.
    func electProtocol() -> ByteString? {
        var votes: [(name: ByteString, count: Int)] = []
        for member in all {
            guard let choice = member.protocols.first(where: { allOffer($0.name) })?.name else { continue }
            if let index = votes.firstIndex(where: { $0.name == choice }) {
                votes[index].count += 1
            } else {
                votes.append((choice, 1))
            }
        }
        return votes.reduce(nil as (name: ByteString, count: Int)?) { best, next in
            best.map { $0.count >= next.count ? $0 : next } ?? next
        }?.name
    }

    var maxRebalanceTimeoutMs: Int32 { all.reduce(0) { max($0, $1.rebalanceTimeoutMs) } }

    var earliestSessionEnd: MonotonicTime { all.reduce(.never) { min($0, $1.sessionEnds) } }
}
