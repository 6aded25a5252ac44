import KafkaWire
import Testing
import TestKit

@Suite struct ViewTests {
    let arena = Arena(capacity: 64)

    @Test func `views compare, hash and sort by their bytes`() {
        let copy = WireBytes(copying: "group-1", in: arena)
        let literal: WireBytes = "group-1"
        #expect(copy == literal && copy.pointer != literal.pointer)
        #expect(copy == "group-1" as String)
        #expect(!(copy == "group-2" as String))
        #expect(Set([copy, literal]).count == 1)
        let sorted = ["b", "a", "", "ab"].map { (text: String) in WireBytes(copying: text, in: arena) }.sorted()
        #expect(sorted.map(\.string) == ["", "a", "ab", "b"])
        #expect(WireBytes(copying: [0x80], in: arena) > WireBytes(copying: [0x7F], in: arena))
        #expect(WireBytes.empty == "" && WireBytes.empty.array.isEmpty)
        #expect(WireBytes(copying: [0xFF], in: arena).string == "\u{FFFD}")
    }

    @Test func `integers stand in wire form`() {
        let integers = WireIntegers<Int32>(copying: [1, -2, .max], in: arena)
        #expect(Array(integers) == [1, -2, .max])
        #expect(GoldenVectors.hex(integers.bytes.buffer) == "00000001fffffffe7fffffff")
        #expect(integers == WireIntegers(copying: [1, -2, .max], in: arena))
        #expect(integers != WireIntegers(copying: [1, -2], in: arena))
        #expect(integers.contains(-2) && integers.last == .max)
        #expect(WireIntegers<Int16>.empty.isEmpty && ([] as WireIntegers<Int64>).isEmpty)
    }

    @Test func `arrays keep their elements where they are`() {
        let names = WireArray(
            copying: ["x", "y"].map { (text: String) in WireBytes(copying: text, in: arena) }, in: arena)
        #expect(names.map(\.string) == ["x", "y"])
        #expect(names.count == 2 && names[1] == "y")
        #expect(WireArray<Uuid>.empty.isEmpty && ([] as WireArray<Uuid>).isEmpty)
        #expect(WireArray(copying: [Uuid(1, 2)], in: arena) == WireArray(copying: [Uuid(1, 2)], in: arena))
    }

    @Test func `uuids are text of 22 characters and never begin with a dash`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let uuid = Uuid.random(using: &generator)
            let text = uuid.description
            #expect(text.utf8.count == 22 && !text.hasPrefix("-"))
            #expect(Uuid(text) == uuid)
            #expect(uuid.mostSignificantBits >> 12 & 0xF == 4 && uuid.leastSignificantBits >> 62 == 2)
        }
        #expect(Uuid("AAAAAAAAAAAAAAAAAAAAAA") == .zero)
        for bad in [
            "", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAA+A",
        ] {
            #expect(Uuid(bad) == nil)
        }
    }

    @Test func `records are bytes, a piece or null`() {
        #expect(WireRecords.null.isNull && WireRecords.null.count == 0)
        #expect(WireRecords.bytes("abc").count == 3 && WireRecords.bytes("abc").bytes == "abc")
        #expect(
            WireRecords.piece(number: 1, length: 77).count == 77
                && WireRecords.piece(number: 1, length: 77).bytes == nil)
        #expect(!WireRecords.empty.isNull)
    }
}

@Suite struct ArenaTests {
    @Test func `what an arena lends is aligned, apart, and there until the reset`() {
        let arena = Arena(capacity: 64)
        var places: [(UnsafeMutableRawPointer, Int)] = []
        for size in [1, 16, 17, 40, 5000, 3, 70_000] {
            let place = arena.allocate(size)
            #expect(UInt(bitPattern: place) % 16 == 0)
            place.initializeMemory(as: UInt8.self, repeating: UInt8(size & 0xFF), count: size)
            places.append((place, size))
        }
        for (place, size) in places {
            let bytes = UnsafeRawBufferPointer(start: place, count: size)
            #expect(bytes.allSatisfy { $0 == UInt8(size & 0xFF) })
        }
    }

    #if DEBUG
        @Test func `a reset overwrites in debug builds, so that a view that outlives its request is seen`() {
            let arena = Arena(capacity: 256)
            let view = WireBytes(copying: "stale", in: arena)
            arena.reset()
            #expect(view.array == [UInt8](repeating: 0xDB, count: 5))
        }
    #endif

    @Test func `decoding may not take more than the limit, building may`() {
        let arena = Arena(capacity: 64, limitBytes: 4096)
        #expect(arena.allocateForDecoding(3000) != nil)
        #expect(arena.allocateForDecoding(8000) == nil)
        _ = arena.allocate(8000)
        arena.reset()
        #expect(arena.allocateForDecoding(3000) != nil)
    }
}
