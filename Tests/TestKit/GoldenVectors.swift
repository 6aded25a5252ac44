import CZlib
package import Foundation

/// The golden vectors of compat/vectors: bytes and facts that come from Kafka.
package enum GoldenVectors {
    /// The project's root, wherever it is checked out.
    package static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    package static let folder = root.appendingPathComponent("compat/vectors")

    package struct Missing: Error, CustomStringConvertible {
        package let description: String
    }

    /// The names of the files in a folder of the vectors, sorted.
    package static func files(in subfolder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(subfolder).path)
            .sorted().map { "\(subfolder)/\($0)" }
    }

    /// The lines of a file, unpacked where it is packed.
    package static func lines(_ file: String) throws -> [Data] {
        try contents(file).split(separator: UInt8(ascii: "\n")).map { Data($0) }
    }

    /// The rows of a file with one JSON object a line.
    package static func rows<Row: Decodable>(_ file: String, as type: Row.Type = Row.self) throws -> [Row] {
        let decoder = JSONDecoder()
        return try lines(file).map { try decoder.decode(Row.self, from: $0) }
    }

    /// The columns of a tab-separated file below its head.
    package static func table(_ file: String) throws -> [[String]] {
        try lines(file).dropFirst().map { line in
            String(decoding: line, as: UTF8.self)
                .split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }

    private static func contents(_ file: String) throws -> Data {
        let path = folder.appendingPathComponent(file).path
        // zlib reads a file that is not packed as it is.
        guard let packed = gzopen(path, "rb") else { throw Missing(description: "no vectors at \(path)") }
        defer { gzclose(packed) }
        var unpacked = Data()
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = gzread(packed, &buffer, UInt32(buffer.count))
            if count < 0 { throw Missing(description: "damaged: \(path)") }
            if count == 0 { return unpacked }
            unpacked.append(contentsOf: buffer[0..<Int(count)])
        }
    }

    package static func bytes(hex: String) -> [UInt8] {
        func digit(_ character: UInt8) -> UInt8 {
            character <= UInt8(ascii: "9") ? character - UInt8(ascii: "0") : character - UInt8(ascii: "a") + 10
        }
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).map { digit(digits[$0]) << 4 | digit(digits[$0 + 1]) }
    }

    package static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
