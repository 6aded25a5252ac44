@testable import Broker
import EventLoop
import KafkaMessages
import KafkaWire
import Testing

/// Who gets a session when the cache is full (KIP-227).
@Suite struct FetchSessionCacheTests {
    private static let evictionMs = 120_000

    private func at(_ ms: Int) -> MonotonicTime { MonotonicTime(nanoseconds: 1_000_000_000 + UInt64(ms) * 1_000_000) }

    private func targets(_ count: Int32) -> [FetchTarget] {
        (0..<count).map { FetchTarget(FetchRequest.FetchPartition(), key: FetchKey(topicId: .zero, name: [1], partition: $0)) }
    }

    @Test func `a session that nobody used for two minutes goes, and one in use stays`() throws {
        let cache = FetchSessionCache(limit: 2)
        let first = try #require(cache.open(targets(1), usesTopicIds: false, at: at(0)))
        let second = try #require(cache.open(targets(1), usesTopicIds: false, at: at(0)))
        #expect(cache.find(second.id, at: at(Self.evictionMs - 1)) === second)
        #expect(cache.open(targets(1), usesTopicIds: false, at: at(Self.evictionMs - 1)) == nil)
        #expect(cache.open(targets(1), usesTopicIds: false, at: at(Self.evictionMs)) != nil)
        #expect(cache.find(first.id, at: at(Self.evictionMs)) == nil)
        #expect(cache.find(second.id, at: at(Self.evictionMs)) === second)
        #expect(cache.count == 2)
    }

    @Test func `a larger session drives out the smallest of the old ones`() throws {
        let cache = FetchSessionCache(limit: 3)
        let large = try #require(cache.open(targets(9), usesTopicIds: false, at: at(0)))
        let small = try #require(cache.open(targets(3), usesTopicIds: false, at: at(0)))
        let young = try #require(cache.open(targets(1), usesTopicIds: false, at: at(Self.evictionMs / 2)))
        let now = at(Self.evictionMs)
        for session in [large, small, young] { #expect(cache.find(session.id, at: now) === session) }
        #expect(cache.open(targets(3), usesTopicIds: false, at: now) == nil)
        #expect(cache.open(targets(4), usesTopicIds: false, at: now) != nil)
        #expect(cache.find(small.id, at: now) == nil)
        #expect(cache.find(large.id, at: now) === large && cache.find(young.id, at: now) === young)
    }
}
