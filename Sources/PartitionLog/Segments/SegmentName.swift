/// The names of a segment's files: the base offset in 20 digits and what they hold.
enum SegmentSuffix {
    static let log = ".log"
    static let offsetIndex = ".index"
    static let timeIndex = ".timeindex"
    static let abortIndex = ".txnindex"
    static let snapshot = ".snapshot"
    static let cleaned = ".cleaned"
    static let swap = ".swap"
    static let deleted = ".deleted"

    static let ofSegment = [log, offsetIndex, timeIndex, abortIndex]
}

enum SegmentName {
    /// `00000000000000000042`
    static func digits(_ offset: Int64) -> String {
        let digits = String(offset)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    /// The offset at the head of a file's name, and the rest of it; nil where it does not begin with 20 digits.
    static func parse(_ name: String) -> (offset: Int64, suffix: String)? {
        let bytes = Array(name.utf8)
        guard bytes.count > 20, bytes[..<20].allSatisfy({ 48...57 ~= $0 }),
            let offset = Int64(String(decoding: bytes[..<20], as: UTF8.self))
        else { return nil }
        return (offset, String(decoding: bytes[20...], as: UTF8.self))
    }
}
