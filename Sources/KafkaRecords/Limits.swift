/// Every bound of this room, with its unit.
package enum RecordLimits {
    /// A record batch of magic 2 before its records: bytes.
    package static let batchHeaderBytes = 61
    /// Offset and length, which stand before what the length counts: bytes.
    package static let logOverheadBytes = 12
    /// The bytes that tell a batch's size and magic.
    package static let bytesUpToMagic = 17
    /// What the length field of the smallest message (magic 0, no key, no value) says: bytes. Kafka's splitting
    /// refuses less.
    package static let smallestLengthField = 14
    /// A magic 0 and a magic 1 message without key and value, from the offset on: bytes.
    package static let legacyOverheadBytes = (magic0: 26, magic1: 34)

    /// What one batch may unpack to: bytes. Kafka sets no bound; a megabyte of zstd can hold many gigabytes. Producers
    /// pack `batch.size` or at most `max.request.size`, both around a megabyte.
    package static let unpackedBytes = 256 << 20
    /// Unpacked bytes are walked through a window of this size where nothing but the walk is wanted: bytes.
    package static let unpackWindowBytes = 64 << 10
    /// Scratch memory that a pool keeps between two uses: bytes of a buffer, and how many scratches.
    package static let keptScratchBytes = 1 << 20
    package static let keptScratches = 8
}
