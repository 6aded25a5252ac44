import Foundation
import KafkaWire
import Testing
import TestKit

/// What a read came to: a value, and how many bytes it took; nil where it was refused.
private func read<Value>(
    _ bytes: [UInt8], _ body: (inout WireReader) throws -> Value
) -> (value: Value, consumed: Int)? {
    bytes.withUnsafeBytes { frame in
        var reader = WireReader(frame, arena: Arena())
        guard let value = try? body(&reader) else { return nil }
        return (value, reader.offset)
    }
}

private func written(_ body: (inout WireWriter) throws -> Void) rethrows -> [UInt8] {
    var writer = WireWriter()
    try body(&writer)
    return Array(writer.bytes)
}

private struct Row {
    let kind: String
    let json: [String: Any]
    let hex: String

    var bytes: [UInt8] { GoldenVectors.bytes(hex: hex) }
    var text: String? { json["value"] as? String }
    var number: Int64 { (json["value"] as? NSNumber)?.int64Value ?? 0 }
    var isNull: Bool { json["value"] is NSNull }
    var isFlexible: Bool { kind.hasPrefix("compact-") }
    var isNullable: Bool { kind.contains("nullable-") }

    static func all() throws -> [Row] {
        try GoldenVectors.lines("primitives.jsonl.gz").compactMap { line in
            let json = try JSONSerialization.jsonObject(with: line) as? [String: Any] ?? [:]
            guard let kind = json["kind"] as? String, let hex = json["hex"] as? String else { return nil }
            return Row(kind: kind, json: json, hex: hex)
        }
    }
}

@Suite struct PrimitiveTests {
    @Test func `numbers are read and written as Kafka does`() throws {
        var count = 0
        for row in try Row.all() {
            let bytes = row.bytes
            let value: Int64?
            let again: [UInt8]
            switch row.kind {
            case "int8":
                value = read(bytes) { Int64(try $0.int8("")) }?.value
                again = written { $0.int8(Int8(row.number)) }
            case "int16":
                value = read(bytes) { Int64(try $0.int16("")) }?.value
                again = written { $0.int16(Int16(row.number)) }
            case "uint16":
                value = read(bytes) { Int64(try $0.uint16("")) }?.value
                again = written { $0.uint16(UInt16(row.number)) }
            case "int32":
                value = read(bytes) { Int64(try $0.int32("")) }?.value
                again = written { $0.int32(Int32(row.number)) }
            case "uint32":
                value = read(bytes) { Int64(try $0.uint32("")) }?.value
                again = written { $0.uint32(UInt32(row.number)) }
            case "int64":
                value = read(bytes) { try $0.int64("") }?.value
                again = written { $0.int64(row.number) }
            case "varint":
                value = read(bytes) { Int64(try $0.varint("")) }?.value
                again = written { $0.varint(Int32(row.number)) }
            case "varlong":
                value = read(bytes) { try $0.varlong("") }?.value
                again = written { $0.varlong(row.number) }
            case "uvarint":
                value = read(bytes) { Int64(try $0.unsignedVarint("")) }?.value
                again = written { $0.unsignedVarint(Int(row.number)) }
            default: continue
            }
            #expect(value == row.number, "\(row.kind) \(row.hex)")
            #expect(again == bytes, "\(row.kind) \(row.number)")
            count += 1
        }
        #expect(count > 780)
    }

    @Test func `odd varints and booleans come to what Kafka makes of them`() throws {
        var count = 0
        for row in try Row.all() {
            let result: (value: Int64, consumed: Int)?
            switch row.kind {
            case "uvarint-decode": result = read(row.bytes) { Int64(try $0.unsignedVarint("")) }
            case "varint-decode": result = read(row.bytes) { Int64(try $0.varint("")) }
            case "varlong-decode": result = read(row.bytes) { try $0.varlong("") }
            case "bool-decode":
                #expect(read(row.bytes) { try $0.bool("") }?.value == row.json["value"] as? Bool)
                count += 1
                continue
            default: continue
            }
            if row.json["error"] != nil {
                #expect(result == nil, "\(row.kind) \(row.hex)")
            } else {
                #expect(result?.value == row.number, "\(row.kind) \(row.hex)")
                #expect(result?.consumed == row.json["consumed"] as? Int, "\(row.kind) \(row.hex)")
            }
            count += 1
        }
        #expect(count == 78)
    }

    @Test func `floating point numbers keep their bits and uuids their text`() throws {
        for row in try Row.all() {
            switch row.kind {
            case "float64":
                let value = try #require(read(row.bytes) { try $0.float64("") }?.value)
                #expect(value.bitPattern == UInt64(try #require(row.json["bits"] as? String), radix: 16))
                #expect(written { $0.float64(value) } == row.bytes)
            case "uuid":
                let value = try #require(read(row.bytes) { try $0.uuid("") }?.value)
                #expect(value.description == row.text)
                #expect(Uuid(try #require(row.text)) == value)
                #expect(written { $0.uuid(value) } == row.bytes)
            default: continue
            }
        }
    }

    @Test func `strings, bytes and arrays are read and written in all their forms`() throws {
        var count = 0
        let arena = Arena()
        for row in try Row.all() {
            let flexible = row.isFlexible
            let again: [UInt8]
            switch row.kind.split(separator: "-").last {
            case "string" where row.isNullable:
                let value = try #require(read(row.bytes) { try $0.nullableString("", flexible).map(\.string) }).value
                #expect(value == row.text)
                let text = row.text.map { WireBytes(copying: $0, in: arena) }
                again = try written { try $0.nullableString(text, "", flexible) }
            case "string":
                #expect(read(row.bytes) { try $0.string("", flexible).string }?.value == row.text)
                let text = WireBytes(copying: row.text ?? "", in: arena)
                again = try written { try $0.string(text, "", flexible) }
            case "bytes" where row.isNullable:
                let value = try #require(read(row.bytes) { try $0.nullableBytes("", flexible).map(\.array) }).value
                #expect(value == row.text.map { GoldenVectors.bytes(hex: $0) })
                let bytes = value.map { WireBytes(copying: $0, in: arena) }
                again = try written { try $0.nullableBytes(bytes, "", flexible) }
            case "bytes":
                let value = try #require(read(row.bytes) { try $0.bytes("", flexible).array }?.value)
                #expect(value == row.text.map { GoldenVectors.bytes(hex: $0) })
                again = try written { try $0.bytes(WireBytes(copying: value, in: arena), "", flexible) }
            case "int32" where row.kind.contains("array"):
                let value = try #require(
                    read(row.bytes) { (reader: inout WireReader) throws -> [Int32]? in
                        let integers: WireIntegers<Int32>? = try reader.nullableIntegers("", flexible)
                        return integers.map { Array($0) }
                    }
                ).value
                #expect(value == (row.json["value"] as? [Int])?.map { Int32($0) })
                #expect(row.isNullable || value != nil)
                let integers = value.map { WireIntegers<Int32>(copying: $0, in: arena) }
                again = try written { try $0.nullableIntegers(integers, "", flexible) }
            default: continue
            }
            #expect(again == row.bytes, "\(row.kind)")
            count += 1
        }
        #expect(count == 13 + 13 + 10 + 14 + 7 + 7 + 8 + 8 + 6 + 6 + 7 + 7)
    }

    @Test func `a negative length is null, as in Kafka`() {
        #expect(read([0x80, 0x00]) { try $0.nullableString("", false) == nil }?.value == true)
        #expect(read([0xFF, 0xFF, 0xFF, 0xF0]) { try $0.nullableBytes("", false) == nil }?.value == true)
        #expect(read([0x80, 0x00]) { try $0.string("", false).count } == nil)
    }
}
