import KafkaRecords
import Testing

/// The checksum in hardware beside one by a table, over lengths around every stretch that it works in, from every
/// alignment.
@Suite struct ChecksumTests {
    @Test func `batches of every size have the checksum that a table gives`() throws {
        var generator = SplitMix(state: 7)
        let sizes =
            Array(0...70) + [
                255, 256, 700, 767, 768, 769, 1535, 1536, 2303, 6143, 6144, 6145, 6911, 6912, 12_288, 65_536, 70_001,
            ]
        for size in sizes {
            var builder = RecordBatchBuilder()
            builder.append(
                timestamp: 1, key: nil, value: (0..<size).map { _ in UInt8(truncatingIfNeeded: generator.next()) })
            let built = try builder.build()
            #expect(TestChecksum.repaired(built) == built, "\(size)")
            // The same bytes where they do not begin at a word.
            for shift in [1, 3, 7] {
                let shifted = [UInt8](repeating: 0, count: shift) + built
                shifted.withUnsafeBytes { bytes in
                    let batch = UnsafeRawBufferPointer(rebasing: bytes[shift...])
                    #expect(throws: Never.self, "\(size)") { try BatchView(firstOf: batch)?.ensureValid() }
                }
            }
        }
    }
}
