import Foundation
import Testing

@testable import KafkaRecords

/// The rows of `compat/vectors/batches`: what Kafka's own classes made, read and said.
enum BatchVectors {
    typealias Row = [String: Any]

    static func rows(_ name: String) throws -> [Row] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
            path: "../../compat/vectors/batches")
        let packed = try Data(contentsOf: folder.appending(path: name))
        let text = try packed.withUnsafeBytes { packed in
            try RecordScratch.borrow { Data(try $0.unpack(packed, codec: .gzip)) }
        }
        return try text.split(separator: UInt8(ascii: "\n")).map {
            try #require(try JSONSerialization.jsonObject(with: $0) as? Row)
        }
    }

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8).map { $0 < 0x3a ? $0 - 0x30 : $0 - 0x57 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

extension [String: Any] {
    func integer(_ name: String) -> Int64? { (self[name] as? NSNumber)?.int64Value }
    func text(_ name: String) -> String? { self[name] as? String }
    var bytes: [UInt8] { BatchVectors.bytes(text("hex") ?? "") }
}

/// `#expect` without taking the expression apart: a hundred thousand comparisons would take a minute.
func equal<T: Equatable>(
    _ ours: T, _ theirs: T?, _ name: @autoclosure () -> String, at location: SourceLocation = #_sourceLocation
) {
    if ours != theirs {
        Issue.record("\(name()): \(ours), expected \(String(describing: theirs))", sourceLocation: location)
    }
}

func hex(_ bytes: UnsafeRawBufferPointer?) -> String? {
    guard let bytes else { return nil }
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: text, as: UTF8.self)
}
